import json
import os
import shutil
import subprocess
import sys
import threading
from email.utils import formatdate
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from stages.lora import blas

blas.load()
from stages.params import load  # noqa: E402  the BLAS comes first
from stages.prose.answers import EMPTY, NOT_TEXT, THOUGHT, Answer, spoken  # noqa: E402
from stages.prose.backend_openai import OpenAI, Pace, backoff_s, read, retry_after_s  # noqa: E402
from stages.prose.backends import RewriterParams, opened  # noqa: E402
from stages.prose.rewriter import TASKS, Request, Rewriter, grouped  # noqa: E402
from stages.prose.rules import apertium_identity  # noqa: E402
from stages.run import StageError  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.lora import tiny  # noqa: E402
from tests.prose.endpoint import KEY, Asked, Endpoint, Reply, failed, plain, said, serving  # noqa: E402
from tests.prose.stories import settings, story  # noqa: E402

REQUESTS = [Request("neutralize", f"He counted {number} things.") for number in range(6)]


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / "scratch"))


def rewriter(**changed: Any) -> Rewriter:
    return opened(RewriterParams.model_validate(settings(**changed)["rewriter"]))


def asking(endpoint: Endpoint, **changed: Any) -> Rewriter:
    return rewriter(backend="openai", openai={"base_url": endpoint.url, **changed})


class Flaky:
    """Replies that are given first, one per request; then plain answers."""

    def __init__(self, *first: Reply) -> None:
        self.first = list(first)
        self.lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self.lock:
            return self.first.pop(0) if self.first else plain(asked)


# what goes by


@pytest.mark.parametrize(
    "reply",
    [
        failed(429, "slow down", retry_after="0"),
        failed(503, "busy", retry_after="0.01"),
        failed(500, "oops", retry_after=formatdate(0, usegmt=True)),
        failed(408, "late", retry_after="0"),
        said(""),
        said(None),
        said("<think>It is long.</think>\n"),
        said("<think>It is long, and it is"),
        said("Half a \ud800 character."),
    ],
)
def test_what_goes_by_is_tried_again(reply: Reply) -> None:
    with serving(Flaky(reply, reply)) as endpoint:
        answers = asking(endpoint, retries=2, concurrency=1).answers(REQUESTS[:1])
        assert answers == [Answer("He matter 0 matter.")]
        assert len(endpoint.asked) == 3


def test_malformed_answers_are_tried_again_and_then_end_it_in_one_line() -> None:
    broken = Reply(200, b'{"choices": [{"message": {"cont')
    with serving(Flaky(broken)) as endpoint:
        assert asking(endpoint, retries=1, concurrency=1).answers(REQUESTS[:1])[0].text == "He matter 0 matter."
    with serving(lambda _: Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html"})) as endpoint:
        with pytest.raises(StageError) as raised:
            asking(endpoint, retries=0).answers(REQUESTS[:1])
        assert "gave no chat completion" in str(raised.value)
        assert "0 of 1 requests are answered and kept, 1 missing: run again for the rest" in str(raised.value)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"choices":[]}', b"[1]", b'{"choices":[{"message":{"content":5}}]}', b"null"]
)
def test_json_that_is_no_completion_is_malformed(body: bytes) -> None:
    with pytest.raises(ValueError, match="content"):
        read(body.decode())


# what doesn't


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (failed(400, "no such setting"), r"answered 400: .*no such setting.*; correct openai.model"),
        (failed(404, "model m does not exist"), r"answered 404: .*does not exist"),
        (failed(429, "no money left", "insufficient_quota"), r"answered 429: .*no money left"),
        (failed(429, "tomorrow", retry_after="86400"), r"answered 429 and asks to wait 86400 s"),
    ],
)
def test_what_does_not_go_by_ends_it_at_once(reply: Reply, complaint: str) -> None:
    with serving(lambda _: reply) as endpoint:
        with pytest.raises(StageError, match=complaint) as raised:
            asking(endpoint, retries=5, concurrency=1).answers(REQUESTS)
        assert len(endpoint.asked) == 1
        assert "\n" not in str(raised.value)


def test_a_key_that_is_wrong_or_missing_is_one_line_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as endpoint:
        monkeypatch.setenv("REFRAIN_TEST_KEY", "another")
        with pytest.raises(
            StageError, match=r"refuses the key in REFRAIN_TEST_KEY \(401\); correct openai.key_variable"
        ):
            asking(endpoint).answers(REQUESTS)
        for value in ("", "  "):
            monkeypatch.setenv("REFRAIN_TEST_KEY", value)
            with pytest.raises(StageError, match=r"^REFRAIN_TEST_KEY is not set, expected the key of http.*; export"):
                asking(endpoint).answers(REQUESTS)
        monkeypatch.setenv("REFRAIN_TEST_KEY", "kéy\n")
        with pytest.raises(StageError, match="holds characters that no key has"):
            asking(endpoint).answers(REQUESTS)
        with pytest.raises(StageError, match=r"refuses a request without a key"):
            asking(endpoint, key_variable=None).answers(REQUESTS)
        assert endpoint.asked == []


def test_an_endpoint_that_is_not_there_is_one_line() -> None:
    with serving() as endpoint:
        gone = asking(endpoint)
    with pytest.raises(StageError, match=r"^http://127.0.0.1:\d+/v1 can't be reached: .*; start it, or correct"):
        gone.answers(REQUESTS)


def test_a_key_is_never_said() -> None:
    with serving(lambda _: failed(400, "no such setting")) as endpoint:
        with pytest.raises(StageError) as raised:
            asking(endpoint).answers(REQUESTS[:1])
        assert KEY not in str(raised.value)


# in part


def test_an_endpoint_that_fails_half_way_keeps_its_answers_and_is_asked_for_the_rest() -> None:
    with serving(lambda asked: plain(asked) if asked.number < 4 else failed(503)) as endpoint:
        with pytest.raises(StageError) as raised:
            asking(endpoint, retries=0, concurrency=1).answers(REQUESTS)
        assert str(raised.value).endswith(
            "answered 503: no, after 1 tries; 4 of 6 requests are answered and kept, 2 missing: run again for the rest"
        )
        before = len(endpoint.asked)
        endpoint.answer = plain
        answers = asking(endpoint).answers(REQUESTS)
        assert sorted(asked.text for asked in endpoint.asked[before:]) == [one.text for one in REQUESTS[4:]]
        assert [answer.text for answer in answers] == [f"He matter {number} matter." for number in range(6)]


def test_requests_under_way_are_kept_when_another_one_fails() -> None:
    """The second of two threads is held at the server until the first has given up."""
    stopped: list[threading.Event] = []

    def answer(asked: Asked) -> Reply:
        if asked.text == REQUESTS[0].text:
            stopped[0].wait(60)
            return plain(asked)
        return failed(400)

    with serving(answer) as endpoint:
        found = asking(endpoint, concurrency=2)
        backend = found.backends["neutralize"]
        assert isinstance(backend, OpenAI)
        stopped.append(backend.stopped)
        with pytest.raises(StageError, match="1 of 6 requests are answered and kept, 5 missing"):
            found.answers(REQUESTS)
        assert len(endpoint.asked) == 2


def test_empty_cut_and_filtered_answers_are_answers_with_a_reason() -> None:
    assert read(said("").body.decode()) == read(said(None).body.decode()) == Answer("", EMPTY)
    assert read(said(" A text.\n").body.decode()) == Answer("A text.")
    assert read(said("A te", "length").body.decode()) == Answer("A te", "truncated")
    assert read(said(None, "content_filter").body.decode()) == Answer("", "refusal")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>He wants\n\nit plain.</think>\n\nA text.\n", Answer("A text.")),
        ("He wants it plain. </thinking> A text.", Answer("A text.")),
        ("<think>", Answer("", THOUGHT)),
        ("<think></think>", Answer("", EMPTY)),
        ("A \udfff text.", Answer("", NOT_TEXT)),
        ("A 𝔘 text.", Answer("A 𝔘 text.")),
    ],
)
def test_thoughts_are_taken_off_and_what_says_nothing_has_a_reason(text: str, answer: Answer) -> None:
    assert spoken(text) == answer
    assert spoken(text, "truncated") == Answer(answer.text, "truncated")


@pytest.mark.parametrize(("text", "reason"), [("", EMPTY), ("<think>Hm.", THOUGHT), ("\ud800", NOT_TEXT)])
def test_an_answer_that_says_nothing_is_no_end_and_another_run_asks_again(text: str, reason: str) -> None:
    with serving(lambda asked: said(text) if asked.text == REQUESTS[1].text else plain(asked)) as endpoint:
        answers = asking(endpoint, retries=2, concurrency=1).answers(REQUESTS[:3])
        assert [answer.reason for answer in answers] == ["", reason, ""]
        assert [asked.body["seed"] for asked in endpoint.asked] == [0, 0, 1, 2, 0]
        endpoint.answer = plain
        again = asking(endpoint)
        assert [answer.reason for answer in again.answers(REQUESTS[:3])] == ["", "", ""]
        assert again.from_store == 2


def test_an_endpoint_that_asks_for_no_wait_is_not_asked_without_one() -> None:
    for header in ("0", formatdate(0, usegmt=True)):
        with serving(Flaky(failed(503, "busy", retry_after=header))) as endpoint:
            found = asking(endpoint, retries=1, concurrency=1)
            backend = found.backends["neutralize"]
            assert isinstance(backend, OpenAI)
            before = monotonic()
            found.answers(REQUESTS[:1])
            assert backend.pace.paused >= before + 0.5  # half of the first wait, at least


def test_what_is_sent_is_the_prompt_and_the_settings() -> None:
    with serving() as endpoint:
        asking(endpoint, temperature=0.25, max_tokens=77).answers([Request("neutralize", "A text.", seed=5)])
        body = dict(endpoint.asked[0].body)
        assert body.pop("messages") == [
            {"role": "user", "content": Request("neutralize", "A text.", seed=5).prompt},
        ]
        assert body == {"model": "m", "temperature": 0.25, "max_tokens": 77, "seed": 5}


# the pace, in seconds of a clock that is written here


def test_requests_are_spread_over_the_minute() -> None:
    pace = Pace(30)  # 60 / 30 = 2 s apart
    assert [pace.turn(100.0), pace.turn(100.0), pace.turn(101.0)] == [0.0, 2.0, 3.0]
    assert pace.turn(200.0) == 0.0
    free = Pace(0)
    assert [free.turn(100.0), free.turn(100.0)] == [0.0, 0.0]


def test_a_pause_that_is_asked_for_holds_all() -> None:
    pace = Pace(0)
    pace.pause(130.0)
    pace.pause(120.0)
    assert (pace.held(100.0), pace.held(131.0)) == (30.0, 0.0)


def test_waits_grow_to_a_minute_and_headers_say_seconds_or_a_date() -> None:
    for tried, longest in ((1, 1.0), (2, 2.0), (4, 8.0), (20, 60.0)):
        assert longest / 2 <= backoff_s(tried) <= longest
    assert retry_after_s({"retry-after": "7"}) == 7.0
    assert retry_after_s({}) is None
    assert retry_after_s({"retry-after": "soon"}) is None
    later = retry_after_s({"retry-after": formatdate(time() + 500, usegmt=True)})
    assert later is not None
    assert 400 < later <= 500


# rules


def test_rules_give_a_person_or_the_reason_why_not() -> None:
    plural, refused = rewriter().answers(
        [
            Request("perspective", "I was alone, and I wept.", perspective="first_plural"),
            Request("perspective", "He was alone.", perspective="third"),
        ]
    )
    assert plural == Answer("We were alone, and we wept.")
    assert refused == Answer("", "ambiguous: not_first_person")


def test_a_round_trip_is_kept_and_owes_nothing_to_the_other_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if apertium_identity() is None:
        pytest.skip("no Apertium with eng-spa: apt install apertium apertium-eng-spa")
    requests = [Request("neutralize", text) for text in story(3, 3, 2)]
    found = rewriter(rules={"round_trip": True})
    assert found.kept_tasks() == ["neutralize", "perspective"]
    answers = found.answers(requests)
    again = rewriter(rules={"round_trip": True})
    assert again.answers(requests) == answers
    assert again.from_store == 3
    assert again.backends["neutralize"].about()["versions"]["apertium"] == apertium_identity()
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / "other"))
    assert rewriter(rules={"round_trip": True}).answers(requests[2:]) == answers[2:]
    assert rewriter().answers(requests) != answers


def test_a_round_trip_without_apertium_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = """
from stages.prose.backends import Rules, RulesParams
Rules(RulesParams(round_trip=True)).check()
"""
    paths = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=paths, capture_output=True, text=True, cwd=ROOT)
    assert "StageError: round_trip is true, but apertium or its pair eng-spa is not installed" in done.stderr


def test_slow_rules_that_are_killed_keep_what_they_had_made(tmp_path: Path) -> None:
    code = """
from stages.prose.backends import Rules, RulesParams
from stages.prose.rewriter import Request, Rewriter, TASKS
from tests.prose.stories import story
rules = Rules(RulesParams(round_trip=False))
rules.keeps = True  # as with a round trip
texts = story(1, 60, 40)
found = Rewriter(dict.fromkeys(TASKS, rules))
print("begin", flush=True)
found.answers([Request("neutralize", text) for text in texts])
print(found.from_store, flush=True)
"""
    folder = tmp_path / "scratch" / "answers"
    environment = os.environ | {"REFRAIN_ENGINE": "sequential", "REFRAIN_SCRATCH": str(folder.parent)}

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", code]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def answered() -> int:
        """Answers that are there under their names: one that is being written has a longer one."""
        return sum(len(path.name) == 64 for path in folder.rglob("*") if path.is_file())

    process = start()
    while process.poll() is None and not answered():
        pass
    process.kill()
    process.communicate()
    kept = answered()
    assert 1 <= kept < 60
    told, _ = start().communicate()
    assert told.split() == ["begin", str(kept)]


# replay


def packed(path: Path, rows: list[dict[str, str]], tasks: list[str]) -> None:
    head = {"format": 1, "backend": {"name": "openai", "model": "m"}, "tasks": tasks}
    path.write_text("".join(json.dumps(row) + "\n" for row in [head, *rows]))


def test_replay_gives_what_was_answered_and_counts_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    rows = [{"request": one.digest, "text": one.text.upper(), "reason": ""} for one in REQUESTS[:4]]
    packed(path, rows, ["neutralize"])
    found = opened(RewriterParams.model_validate(settings(backend="replay")["rewriter"]), tmp_path)
    assert [task for task in TASKS if found.supports(task)] == ["neutralize"]
    assert [answer.text for answer in found.answers(REQUESTS[:4])] == [one.text.upper() for one in REQUESTS[:4]]
    with pytest.raises(StageError, match=r"lacks 2 of 2 answers for neutralize: .*choose the backend"):
        found.answers(REQUESTS)


def test_replay_without_answers_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    chosen = RewriterParams.model_validate(settings(backend="replay")["rewriter"])
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(StageError, match=r"holds no .jsonl file, expected answers of an earlier run; copy"):
            opened(chosen, folder)
    with pytest.raises(StageError, match=r"^backend is 'replay', which has answers for the stage prose_rewrite alone"):
        opened(chosen)


# a model on this machine


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model with room for a prompt."""
    folder = tiny.model_folder(tmp_path_factory.mktemp("model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 8192}))
    return folder


def local(model: Path, **changed: Any) -> Rewriter:
    return rewriter(backend="mlx", mlx={"model": str(model), **changed})


def test_a_local_model_does_every_task_and_writes_the_same_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [Request("neutralize", text, seed=seed) for seed, text in enumerate(story(5, 2, 2))]
    requests += [Request("expand", "A note.", seed=seed) for seed in range(5)]
    first = local(model)
    assert all(first.supports(task) for task in TASKS)
    answers = first.answers(requests)
    assert {answer.reason for answer in answers} <= {"", "truncated"}
    assert len({answer.text for answer in answers[2:]}) > 1  # rows draw from generators of their own
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / "other"))
    assert local(model).answers(requests) == answers


def test_an_answer_of_a_local_model_depends_on_its_own_request_and_not_on_those_before_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [Request("neutralize", text, seed=seed) for seed, text in enumerate(story(5, 7, 2))]
    answers = local(model).answers(requests)
    assert len({answer.text for answer in answers}) == len(requests)
    first = Request("expand", "A note that nobody had asked about before.")
    for number, others in enumerate(([first, *requests], requests[1:], requests[::-1], requests[3:4])):
        monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / f"other{number}"))
        found = local(model)
        again = dict(zip(others, found.answers(others), strict=True))
        assert found.from_store == 0
        expected = dict(zip(requests, answers))
        assert all(again[one] == expected[one] for one in others if one is not first)


def test_a_local_model_is_not_asked_again_and_a_group_with_a_gap_is_asked_whole(model: Path, tmp_path: Path) -> None:
    requests = [Request("expand", "A note.", seed=seed) for seed in range(6)]
    answers = local(model).answers(requests)
    again = local(model)
    assert again.answers(requests) == answers
    assert again.from_store == 6
    files = sorted(path for path in (tmp_path / "scratch" / "answers").rglob("*") if path.is_file())
    assert len(files) == 6
    files[0].unlink()
    third = local(model)
    assert third.answers(requests) == answers
    sizes = [len(group) for group in grouped(requests, 4)]
    assert third.from_store in {6 - size for size in sizes}


def test_weights_and_settings_of_a_local_model_are_in_the_key(model: Path, tmp_path: Path) -> None:
    request = [Request("expand", "A note.")]
    local(model).answers(request)
    other = tmp_path / "model"
    shutil.copytree(model, other)
    for changed in ({"temperature": 0.5}, {"max_tokens": 17}):
        again = local(model, **changed)
        again.answers(request)
        assert again.from_store == 0
    copied = local(other)
    copied.answers(request)
    assert copied.from_store == 0  # its folder has another name, which the metrics say
    (other / "generation_config.json").write_text("{}")
    changed_files = local(other)
    changed_files.answers(request)
    assert changed_files.from_store == 0


def test_a_prompt_without_room_and_a_missing_folder_are_one_line(model: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"are more than the model's context of 8192; lower max_tokens"):
        local(model, max_tokens=8192).answers([Request("expand", "A note.")])
    with pytest.raises(StageError, match=r"mlx.model is '.*none', which is no folder"):
        local(tmp_path / "none")


# params


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"backend": "gpt"}, "backend is 'gpt', expected 'rules', 'mlx', 'openai' or 'replay'"),
        ({"by_task": {"translate": "rules"}}, "by_task.translate is 'translate', expected 'neutralize', 'perspective'"),
        ({"openai": {"key_variable": ""}}, "openai.key_variable is '', expected"),
        ({"openai": {"base_url": "localhost:8080"}}, "openai.base_url is 'localhost:8080', expected"),
        ({"openai": {"concurrency": 0}}, "openai.concurrency is 0, expected greater than or equal to 1"),
        ({"openai": {"key": "abc"}}, "openai.key is not a known key"),
        ({"mlx": {"top_p": 0.0}}, "mlx.top_p is 0.0, expected greater than 0"),
    ],
)
def test_wrong_params_are_one_line(tmp_path: Path, changed: dict[str, Any], complaint: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps(settings(**changed)))  # JSON is YAML
    with pytest.raises(Exception, match=r"rewriter\.") as raised:
        load(path, "rewriter", RewriterParams)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
