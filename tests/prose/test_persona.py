import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from stages.files import write_json
from stages.lora.recipe import RECIPE
from stages.params import ParamsError, load
from stages.prose import noise, persona
from stages.prose.persona import PersonaParams, Recipe, check_recipe, content_type, make_recipe, prompt
from stages.prose.rules import neutralized
from stages.run import StageError
from tests.conftest import ROOT

PERSONA: dict[str, Any] = {
    "frames": {
        "narrative": ["Tell this in the author's voice, in about {words} words.", "A tale of {words} words:"],
        "conceptual": ["Think this through in the author's voice, in about {words} words."],
    },
    "words_step": 10,
    "hints": ["Begin with a detail.", "End with the main point."],
    "hint_share": 0.5,
    "constraints": {
        "always": ["Keep every name and number."],
        "frequent": ["Vary the sentences.", "Use no lists."],
        "frequent_share": 0.6,
        "rotating": ["No dialogue.", "Stay with one image."],
        "rotating_share": 0.3,
    },
    "noise": {
        "rate": 0.08,
        "robustness_rate": 0.15,
        "kinds": {"synonym": 0.5, "article": 0.2, "swap": 0.2, "typo": 0.1},
    },
}
RULES = {"backend": "rules", "round_trip": False}
TALE = (
    "The boat left the harbour at night. Four men rowed to the island and looked for the old house. They found nothing."
)
ESSAY = "Memory is not a store. It changes what it keeps, and a man who trusts it must expect that it will deceive him."


def persona_params(**changes: Any) -> PersonaParams:
    return PersonaParams.model_validate(PERSONA | changes)


def recipe(**changes: Any) -> Recipe:
    return make_recipe("raw", persona_params(**changes), RULES, {"standard": 1.2}, 300)


def written(folder: Path, made: Recipe) -> Path:
    write_json(folder / RECIPE, made.model_dump())
    return folder


def test_a_prompt_is_frame_words_hint_and_constraints_then_the_noisy_passage_and_the_mark() -> None:
    constraints = {
        "always": ["Keep every name and number."],
        "frequent": ["Vary the sentences."],
        "frequent_share": 1.0,
        "rotating": ["No dialogue in {words} words."],
        "rotating_share": 1.0,
    }
    made = recipe(hint_share=1.0, hints=["Begin with a detail."], constraints=constraints)
    found = prompt(ESSAY, 44, 0.08, 3, made)
    assert found.text == (
        "Think this through in the author's voice, in about 40 words. Begin with a detail. Keep every name and number. "
        f"Vary the sentences. No dialogue in 40 words.\n\n{found.passage}\n###\n"
    )
    # 23 words: 0.08 x 23 = 1.84, so 2 change
    assert found.noise == 2 / 23
    assert found.passage != ESSAY


def test_the_same_seed_gives_the_same_prompt_and_another_seed_another() -> None:
    made = recipe()
    assert prompt(TALE, 30, 0.15, 7, made) == prompt(TALE, 30, 0.15, 7, made)
    assert len({prompt(TALE, 30, 0.15, seed, made).text for seed in range(20)}) > 10


def test_hints_and_constraints_come_as_often_as_their_shares_say() -> None:
    made = recipe()
    said = [prompt(ESSAY, 30, 0.0, seed, made).instruction for seed in range(2000)]

    def share(*lines: str) -> float:
        return sum(any(line in instruction for line in lines) for instruction in said) / len(said)

    # three standard deviations of 2000 draws: 3 x sqrt(0.5 x 0.5 / 2000) = 0.034
    assert share("Begin with a detail.", "End with the main point.") == pytest.approx(0.5, abs=0.034)
    assert share("Begin with a detail.") == pytest.approx(0.25, abs=0.034)
    assert share("Keep every name and number.") == 1.0
    assert share("Vary the sentences.") == pytest.approx(0.6, abs=0.034)
    assert share("No dialogue.", "Stay with one image.") == pytest.approx(0.3, abs=0.034)


def test_the_words_asked_for_are_rounded_to_the_step_and_never_none() -> None:
    made = recipe()
    asked = {
        words: prompt(ESSAY, words, 0.0, 1, made).instruction.split("about ")[1].split()[0]
        for words in (1, 44, 46, 300)
    }
    assert asked == {1: "10", 44: "40", 46: "50", 300: "300"}


def test_the_words_target_of_inference_is_the_mean_ratio_of_training() -> None:
    made = make_recipe("raw", persona_params(), RULES, {"abstract": 2.0, "standard": 1.25}, 300)
    assert made.words_target("one two three four") == 5
    assert made.words_target("one two three four", "abstract") == 8
    with pytest.raises(StageError, match=r"'info_dropout'.*choose one of abstract, standard"):
        made.words_target("one", "info_dropout")


CONTENT = [
    ("narrative", TALE),
    ("narrative", "She opened the letter and read it twice. Then she went to the window and burned it."),
    ("narrative", "We reached the village after dark. Nobody spoke to us, and the doors were shut."),
    ("narrative", "The observer saw a light in the tower. It moved from left to right and went out."),
    ("narrative", "“Truth is what lasts,” he said. “Art is a habit.” He paid for the wine and left."),
    ("narrative", "It rained for nine days. On the tenth the river rose over the bridge and took the mill."),
    ("conceptual", ESSAY),
    ("conceptual", "A map is an argument. It says what matters, and it leaves out what does not."),
    (
        "conceptual",
        "The imagination of a nation is visible in its institutions, and its limitation is visible there, too.",
    ),
    ("conceptual", "Fear of the dark is useful. It keeps animals in safe places when they cannot see."),
    ("conceptual", "Those who write for money may still write well, but they will seldom write what they must."),
    ("conceptual", "Nothing is harder than a simple sentence. It hides nothing, and it asks for an exact thought."),
]


@pytest.mark.parametrize(("kind", "text"), CONTENT)
def test_content_is_told_or_stated_by_tense_and_nouns_of_thought(kind: str, text: str) -> None:
    assert content_type(text) == kind


def test_the_person_changes_no_content_type() -> None:
    for verb in ("I saw", "we saw", "the observer saw", "one saw"):
        assert content_type(f"{verb} the house and went in. It was dark, and the door fell shut.") == "narrative"


def test_the_content_type_is_that_of_the_source_alone() -> None:
    made = recipe()
    for seed in range(10):  # whatever noise does to it
        assert prompt(ESSAY, 30, 0.3, seed, made).instruction.startswith("Think this through")
        assert not prompt(TALE, 30, 0.3, seed, made).instruction.startswith("Think this through")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("Write {words words.", "balanced braces"),
        ("Write words} words.", "balanced braces"),
        ("Write {words} words as {author}.", "no placeholder but {words} (it has 'author')"),
        ("Write {words:>5} words.", "no placeholder but {words}"),
        ("Write {} words.", "no placeholder but {words} (it has '')"),
        ("Write well.", "the placeholder {words}"),
    ],
)
def test_a_frame_with_wrong_braces_is_one_line_that_names_it(tmp_path: Path, frame: str, expected: str) -> None:
    frames = {"narrative": ["A tale of {words} words:"], "conceptual": ["In {words} words:", frame]}
    write_json(tmp_path / "params.yaml", {"persona": PERSONA | {"frames": frames}})  # JSON is YAML
    with pytest.raises(ParamsError) as error:
        load(tmp_path / "params.yaml", "persona", PersonaParams)
    assert "persona.frames.conceptual.1 is" in str(error.value)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_doubled_braces_are_braces() -> None:
    made = recipe(frames={"narrative": ["{{a}} {words}"], "conceptual": ["{{a}} {words}"]})
    assert prompt(ESSAY, 30, 0.0, 1, made).instruction.startswith("{a} 30")


def test_hints_may_hold_the_words_and_no_other_placeholder() -> None:
    with pytest.raises(ValidationError, match="'author'"):
        persona_params(hints=["As {author} would."])
    with pytest.raises(ValidationError, match="at least one kind"):
        persona_params(noise=PERSONA["noise"] | {"kinds": {"swap": 0.0}})


def test_a_recipe_that_this_code_made_is_read_back_and_makes_the_same_prompts(tmp_path: Path) -> None:
    made = recipe()
    found = check_recipe(written(tmp_path, made))
    assert found == made
    assert prompt(TALE, 30, 0.08, 5, found) == prompt(TALE, 30, 0.08, 5, made)


def test_a_recipe_of_other_prompts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe()
    folder = written(tmp_path, made)
    monkeypatch.setattr(noise, "MIN_TYPO", 4)  # other code: shorter words get typing errors, too
    with pytest.raises(
        StageError, match=f"its fingerprint is {made.fingerprint[:12]}, this code .* train anew"
    ) as error:
        check_recipe(folder)
    assert "\n" not in str(error.value)


def test_a_recipe_of_other_neutral_forms_is_refused_under_rules_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_rules = written(tmp_path / "rules", recipe())
    by_model = written(
        tmp_path / "model", make_recipe("raw", persona_params(), {"backend": "openai"}, {"standard": 1.2}, 300)
    )
    monkeypatch.setattr(persona, "neutralized", lambda *of: neutralized(*of).replace("the", "that"))
    with pytest.raises(StageError, match="fingerprint"):
        check_recipe(by_rules)
    check_recipe(by_model)


@pytest.mark.parametrize(
    "change",
    [
        {"hint_share": 0.6},
        {"words_step": 5},
        {"noise": PERSONA["noise"] | {"rate": 0.1}},
        {"noise": PERSONA["noise"] | {"robustness_rate": 0.2}},
        {"constraints": PERSONA["constraints"] | {"always": []}},
    ],
)
def test_a_setting_of_the_prompt_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert recipe(**change).fingerprint != recipe().fingerprint


def test_a_recipe_edited_by_hand_is_refused(tmp_path: Path) -> None:
    edited = json.loads(recipe().model_dump_json())
    edited["persona"]["noise"]["rate"] = 0.2
    write_json(tmp_path / RECIPE, edited)
    with pytest.raises(StageError, match="its fingerprint is"):
        check_recipe(tmp_path)


def test_no_recipe_or_another_one_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"recipe.json is not there, .* name a folder that the prose stages made"):
        check_recipe(tmp_path)
    for content, expected in (
        ("[", "is not JSON"),
        ("[1]", "its kind is 'list', expected 'prose'"),
        ('{"ticks_per_quarter": 12}', "its kind is None, expected 'prose'"),
        ('{"kind": "prose", "format": "raw"}', "persona: Field required; made by another version"),
    ):
        (tmp_path / RECIPE).write_text(content)
        with pytest.raises(StageError) as error:
            check_recipe(tmp_path)
        assert expected in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [{"words_most": 9999}, {"words_ratio": {"standard": 9.0}}, {"rewriter": {}}])
def test_nothing_of_a_recipe_can_be_changed_unseen(change: dict[str, Any], tmp_path: Path) -> None:
    write_json(tmp_path / RECIPE, recipe().model_dump() | change)
    with pytest.raises(StageError, match="the file was changed"):
        check_recipe(tmp_path)


def test_the_fingerprint_is_the_same_in_another_process_whatever_its_hash_seed() -> None:
    code = "from tests.prose.test_persona import *; print(recipe().fingerprint)"
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert found.stdout.decode() == f"{recipe().fingerprint}\n"


def test_the_passages_of_the_fingerprint_are_of_both_types_and_get_all_kinds_of_noise() -> None:
    assert [content_type(passage) for passage in persona.PASSAGES] == ["narrative"] * 4 + ["conceptual"] * 4
    for passage in persona.PASSAGES:
        for kind in noise.KINDS:
            assert noise.perturbed(passage, 0.05, Random(0), {kind: 1.0}).changed > 0, (kind, passage)
