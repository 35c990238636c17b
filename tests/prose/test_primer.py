"""Rows to copy from, as the stage writes them for a dataset of made-up stories."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stages.files import read_jsonl, sha256_tree, write_json, write_jsonl
from stages.lora import rows, tokenizer
from stages.lora.recipe import RECIPE, recipe_hash
from stages.prose import persona
from stages.prose.primer import PrimerParams, primer
from stages.run import StageError
from tests.conftest import ROOT
from tests.prose.stories import story
from tests.prose.test_persona import RULES, persona_params

PARAMS: dict[str, Any] = {
    "rows": 400,
    "valid_rows": 20,
    "min_words": 5,
    "short_words": 12,
    "max_words": 40,
    "text_share": 0.5,
    "long_share": 0.5,
    "asked_share": 0.5,
    "seed": 1,
}
KINDS = ("raw", "completions", "text")


def params(**changes: Any) -> PrimerParams:
    return PrimerParams.model_validate(PARAMS | changes)


def dataset(folder: Path, kind: persona.Format = "raw") -> Path:
    """Rows of two stories as prepare writes them, and one in test whose words stand nowhere else."""
    recipe = persona.make_recipe(kind, persona_params(), RULES, {"standard": 1.0}, 100)
    write_json(folder / RECIPE, recipe.model_dump())
    texts = {"train": [*story(1, 3), *story(2, 3)], "test": ["Xylophones yodel zestfully."]}
    for split, found in texts.items():
        made = []
        for seed, target in enumerate(found):
            source = target.replace("beheld", "saw").replace("abhorred", "hated")
            request = persona.prompt(source, 80, 0.08, seed, recipe)
            made.append({"source": source, **persona.formatted(kind, request, target)})
        write_jsonl(folder / f"{split}.jsonl", made)
    return folder


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """The dataset in each format, its primer and the metrics."""
    folder = tmp_path_factory.mktemp(request.param)
    source = dataset(folder / "dataset", request.param)
    return source, folder / "primed", primer(source, folder / "primed", params())


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer with ChatML, as a base has one."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.write(tokenizer.learned(story(1), 400), folder)
    return AutoTokenizer.from_pretrained(folder)


def parts(folder: Path, split: str, reader: Any) -> list[tuple[str, str]]:
    """Prompt and answer of each row, without what the format puts around them."""
    found = []
    for prompt, answer in rows.texts(folder / f"{split}.jsonl", reader):
        for mark in (reader.eos_token, "<|im_end|>\n"):
            answer = answer.removesuffix(mark)
        found.append((prompt, answer))
    return found


def passage(prompt: str) -> str:
    """What the prompt asks to repeat."""
    return prompt.removesuffix("<|im_start|>assistant\n").removesuffix("<|im_end|>\n").removesuffix(persona.SEPARATOR)


def test_every_row_repeats_its_passage_to_the_letter(made: tuple[Path, Path, Any], reader: Any) -> None:
    for split, count in (("train", 400), ("valid", 20)):
        found = parts(made[1], split, reader)
        assert len(found) == count == made[2][f"rows_{split}"]
        for prompt, answer in found:
            before, told = passage(prompt)[: -len(answer)], passage(prompt)[-len(answer) :]
            assert told == answer
            assert before == "" or before[-1] == "\n"  # the whole passage


def test_the_loss_counts_the_repeated_passage_alone(made: tuple[Path, Path, Any], reader: Any) -> None:
    found, refused = rows.read(made[1] / "train.jsonl", reader, 4000, "refuse", mask_prompt=True)
    assert not refused
    answers = [answer for _, answer in rows.texts(made[1] / "train.jsonl", reader)]
    for one, (_, answer), whole in zip(found, parts(made[1], "train", reader), answers, strict=True):
        assert reader.decode(one.ids[one.first :]) == whole
        assert whole.startswith(answer) and whole.removeprefix(answer) in (reader.eos_token, "<|im_end|>\n")


def test_passages_are_as_long_as_asked_and_most_are_short(made: tuple[Path, Path, Any], reader: Any) -> None:
    lengths = [len(answer.split()) for _, answer in parts(made[1], "train", reader)]
    assert min(lengths) == 5 and 37 < max(lengths) <= 40
    # a quarter is drawn from 12 to 40; three standard deviations of 400 draws: 3 x sqrt(0.25 x 0.75 / 400) = 0.065
    assert sum(length > 12 for length in lengths) / 400 == pytest.approx(0.25 * 28 / 29, abs=0.065)
    assert made[2]["words"] == sum(lengths)
    assert made[2]["words_mean"] == round(sum(lengths) / 400, 2)


def test_the_whole_request_is_there_as_often_as_asked(made: tuple[Path, Path, Any], reader: Any) -> None:
    asked = ["Keep every name and number." in prompt for prompt, _ in parts(made[1], "train", reader)]
    assert sum(asked) / 400 == pytest.approx(0.5, abs=0.075)  # three standard deviations


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_request_is_in_all_rows_or_none_where_that_is_asked(tmp_path: Path, reader: Any, share: float) -> None:
    primer(dataset(tmp_path / "dataset"), tmp_path / "primed", params(asked_share=share, rows=30))
    prompts = [prompt for prompt, _ in parts(tmp_path / "primed", "train", reader)]
    assert {"Keep every name and number." in prompt for prompt in prompts} == {bool(share)}
    if not share:  # the passage and the mark alone
        assert not any("\n\n" in prompt for prompt in prompts)


def test_words_are_those_of_the_train_rows_with_their_marks(made: tuple[Path, Path, Any], reader: Any) -> None:
    source, primed, metrics = made
    known = {
        word
        for row in read_jsonl(source / "train.jsonl")
        for text in (row["source"], persona.target_of(row))
        for word in text.split()
    }
    used = {
        word for split in ("train", "valid") for _, answer in parts(primed, split, reader) for word in answer.split()
    }
    assert used <= known
    assert "yodel" not in used
    assert any(word.endswith(",") for word in used)
    assert metrics["different_words"] == len(known)


def test_nothing_in_a_passage_can_be_guessed_from_the_word_before(made: tuple[Path, Path, Any], reader: Any) -> None:
    """In the stories "my" has "heart" after it, always; so in half of the rows, and in the others hardly ever."""
    after = [
        two for _, answer in parts(made[1], "train", reader) for one, two in pairwise(answer.split()) if one == "my"
    ]
    assert len(set(after)) > 10
    assert "heart" in after


def test_running_text_is_that_of_the_plain_sources(tmp_path: Path, reader: Any) -> None:
    source = dataset(tmp_path / "dataset")
    primer(source, tmp_path / "primed", params(text_share=1.0, rows=60))
    plain = " ".join(dict.fromkeys(row["source"] for row in read_jsonl(source / "train.jsonl")))
    answers = [answer for _, answer in parts(tmp_path / "primed", "train", reader)]
    assert all(answer in " ".join(plain.split()) for answer in answers)
    assert sum(len(answer.split()) > 12 for answer in answers) / 60 == pytest.approx(0.5, abs=0.2)


def test_no_passage_of_valid_is_in_train(made: tuple[Path, Path, Any], reader: Any) -> None:
    train = {answer for _, answer in parts(made[1], "train", reader)}
    assert len(train) > 380
    assert not train & {answer for _, answer in parts(made[1], "valid", reader)}


def test_the_recipe_goes_along(made: tuple[Path, Path, Any]) -> None:
    assert recipe_hash(made[0]) == recipe_hash(made[1])


def test_the_command_writes_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    source = dataset(tmp_path / "dataset")
    primer(source, tmp_path / "here", params(rows=40))
    write_json(tmp_path / "params.yaml", {"primer": PARAMS | {"rows": 40}})  # JSON is YAML
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "stages.prose.primer", str(source), str(tmp_path / seed), "--params", "primer"]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run(
            [*command, "--params-file", str(tmp_path / "params.yaml")], cwd=ROOT, env=environment, check=True
        )
        assert sha256_tree(tmp_path / seed) == sha256_tree(tmp_path / "here")
    primer(source, tmp_path / "other", params(rows=40, seed=2))
    assert sha256_tree(tmp_path / "other") != sha256_tree(tmp_path / "here")


def test_lengths_that_do_not_rise_are_refused() -> None:
    for change in ({"min_words": 13}, {"max_words": 11}):
        with pytest.raises(ValidationError, match=r"min_words \d+ <= short_words 12 <= max_words \d+"):
            params(**change)


def test_a_dataset_without_rows_or_with_another_recipe_is_one_line(tmp_path: Path) -> None:
    source = dataset(tmp_path / "dataset")
    (source / "train.jsonl").write_text("")
    with pytest.raises(StageError, match=r"train.jsonl has no rows; see why prepare left them out"):
        primer(source, tmp_path / "primed", params())
    recipe = persona.read_recipe(source).model_dump()
    write_json(source / RECIPE, recipe | {"fingerprint": "0" * 64})
    with pytest.raises(StageError, match=r"recipe.json: its fingerprint is 000000000000, this code") as error:
        primer(source, tmp_path / "primed", params())
    assert "\n" not in str(error.value)
    (source / RECIPE).unlink()
    with pytest.raises(StageError, match=r"recipe.json is not there"):
        primer(source, tmp_path / "primed", params())
    assert not (tmp_path / "primed").exists()
