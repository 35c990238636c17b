from typing import Any

import pytest

from stages.params import Params
from stages.prose import instructions
from stages.prose.backends import RewriterParams, opened
from stages.prose.instructions import MARK, TABLE, TOPICS
from stages.prose.rewriter import TASKS, Request, Rewriter, grouped
from stages.run import StageError
from tests.prose.endpoint import KEY, Endpoint, plain, serving
from tests.prose.stories import settings, story


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)


def rewriter(endpoint: Endpoint | None = None, **changed: Any) -> Rewriter:
    url = {"openai": {"base_url": endpoint.url}} if endpoint else {}
    return opened(RewriterParams.model_validate(settings(**{**url, **changed})["rewriter"]))


def test_what_a_backend_cannot_do_is_off_with_it() -> None:
    rules = rewriter()
    assert [task for task in TASKS if rules.supports(task)] == ["neutralize", "perspective"]
    with pytest.raises(StageError, match=r"^backend rules can't narrativize; choose another$"):
        rules.answers([Request("narrativize", "Some text.")])


def test_a_task_may_have_a_backend_of_its_own() -> None:
    with serving() as endpoint:
        mixed = rewriter(endpoint, by_task={"snowflake": "openai"})
        text = story(1, 1)[0]
        requests = [
            Request("perspective", "I went.", perspective="first_plural"),
            Request("snowflake", text, topic="a kettle"),
        ]
        first, second = mixed.answers(requests)
        assert first.text == "We went."
        assert second.text == plain_snowflake(text)
        assert [asked.task for asked in endpoint.asked] == ["snowflake"]
        assert mixed.kept_tasks() == ["snowflake"]


def plain_snowflake(text: str) -> str:
    return text.replace("lantern", "kettle").replace("lighthouse", "laundry")


def test_answers_come_in_the_order_of_the_requests_and_equal_ones_are_asked_once() -> None:
    with serving() as endpoint:
        texts = [f"The number of the night was {number}." for number in range(6)]
        found = rewriter(endpoint, backend="openai")
        twice = [Request("neutralize", text) for text in texts + texts[::-1]]
        answers = [answer.text for answer in found.answers(twice)]
        assert answers == [text.replace("number", "matter") for text in texts + texts[::-1]]
        assert len(endpoint.asked) == 6
        assert found.asked == {"neutralize": 6}


def test_what_was_answered_before_is_not_asked_again() -> None:
    requests = [Request("neutralize", f"Once there were {number} things.") for number in range(4)]
    with serving() as endpoint:
        first = rewriter(endpoint, backend="openai").answers(requests[:3])
        again = rewriter(endpoint, backend="openai")
        assert again.answers(requests)[:3] == first
        assert [asked.text for asked in endpoint.asked][3:] == ["Once there were 3 things."]
        assert again.from_store == 3


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Another text."},
        {"task": "expand"},
        {"variant": "abstract"},
        {"seed": 2},
        {"task": "perspective", "perspective": "third"},
        {"task": "snowflake", "topic": "tea"},
    ],
)
def test_each_part_of_a_request_decides_its_digest(other: dict[str, Any]) -> None:
    plain_request: dict[str, Any] = {"task": "neutralize", "text": "A text.", "seed": 1}
    assert Request(**plain_request).digest == Request(**plain_request).digest
    assert Request(**{**plain_request, **other}).digest != Request(**plain_request).digest


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"model": "other"}, 2),
        ({"temperature": 0.5}, 2),
        ({"max_tokens": 999}, 2),
        ({"concurrency": 1, "timeout": 9.0, "retries": 0, "requests_per_minute": 60_000}, 1),  # decide no answer
    ],
)
def test_settings_that_decide_an_answer_are_in_its_key(changed: dict[str, Any], asked: int) -> None:
    with serving() as endpoint:
        rewriter(endpoint, backend="openai").answers([Request("neutralize", "One text.")])
        url = {"base_url": endpoint.url}
        rewriter(backend="openai", openai={**url, **changed}).answers([Request("neutralize", "One text.")])
        assert len(endpoint.asked) == asked


def test_a_new_request_changes_the_groups_near_it_alone() -> None:
    requests = [Request("expand", f"A note of {number}.") for number in range(400)]
    before = grouped(requests, 8)
    assert [request for group in before for request in group] == requests
    assert max(map(len, before)) == 8
    assert len(requests) / len(before) > 5  # rows are sampled together for their speed
    for place in (0, 1, 57, 399):
        after = grouped([*requests[:place], Request("expand", "A new note."), *requests[place:]], 8)
        asked_again = [group for group in after if group not in before]
        assert sum(map(len, asked_again)) <= 64


def test_what_is_answered_one_by_one_is_in_groups_of_one() -> None:
    requests = [Request("expand", str(number)) for number in range(5)]
    assert grouped(requests, 1) == [[request] for request in requests]
    assert grouped([], 8) == []


def test_another_instruction_is_another_request(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("neutralize", "A text.")
    before = request.digest
    monkeypatch.setitem(TABLE, ("neutralize", "standard"), "Say it plainly.")
    assert request.digest != before


def test_each_task_variant_and_perspective_has_an_instruction() -> None:
    options: dict[str, list[dict[str, Any]]] = {
        "neutralize": [{"variant": variant} for variant in ("standard", "info_dropout", "abstract")],
        "perspective": [{"perspective": to} for to in ("first_plural", "third", "impersonal")],
        "narrativize": [{"perspective": to} for to in ("as_written", "first_plural", "third", "impersonal")],
        "snowflake": [{"topic": "tea"}],
        "expand": [{}],
    }
    assert sorted(options) == sorted(TASKS)
    text = "A text with {topic} and {braces."
    prompts = [Request(task, text, **option).prompt for task in TASKS for option in options[task]]
    assert len(set(prompts)) == len(prompts) == len(TABLE)
    assert all(prompt.endswith(MARK + text) for prompt in prompts)
    assert "about tea." in Request("snowflake", text, topic="tea").prompt


def test_topics_are_many_and_drawn_by_the_seed() -> None:
    assert len(TOPICS) == len(set(TOPICS)) >= 30
    drawn = [instructions.topic(str(seed)) for seed in range(400)]
    assert drawn == [instructions.topic(str(seed)) for seed in range(400)]
    assert set(drawn) == set(TOPICS)  # (35/36)^400 is 1e-5 for each


def test_the_endpoint_of_these_tests_knows_every_task() -> None:
    with serving() as endpoint:
        found = rewriter(endpoint, backend="openai")
        found.answers([Request("snowflake", "My lantern.", topic="x"), Request("neutralize", "x", variant="abstract")])
        assert [asked.task for asked in endpoint.asked] == ["neutralize", "snowflake"]
        assert plain(endpoint.asked[1]).status == 200


def test_the_params_of_a_rewriter_are_a_section_of_their_own() -> None:
    assert issubclass(RewriterParams, Params)
