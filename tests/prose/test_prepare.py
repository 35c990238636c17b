import csv
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stages.files import read_jsonl, sha256_tree, write_json, write_jsonl
from stages.lora import rows, tokenizer
from stages.lora.recipe import recipe_hash
from stages.prose.persona import check_recipe, model_input, prompt
from stages.prose.prepare import BIN, PrepareParams, histogram, prepare, shuffled, sifted
from stages.prose.text import words
from stages.run import StageError, run
from tests.conftest import ROOT
from tests.prose.test_persona import PERSONA

CHECKPOINT = {
    "min_rows": {"original": 20, "robustness": 5, "snowflake": 0, "valid": 4, "test": 4},
    "min_perspective_rows": 5,
    "min_variant_rows": 5,
    "max_faulty": 0.02,
    "max_bleed": 0.5,
    "max_bleed_held_out": 0.5,
    "min_uncommon_gain": 0.05,
    "min_sentence_gain": 1.1,
    "max_shared_rows": 0.05,
}
PERSPECTIVES = ["as_written", "first_plural", "third", "impersonal"]
PARAMS: dict[str, Any] = {
    "format": "raw",
    "persona": PERSONA,
    "perspectives": PERSPECTIVES,
    "robustness_share": 0.5,
    "shuffle_share": 0.3,
    "checkpoint": CHECKPOINT,
    "seed": 1,
}
WHO = {"as_written": "I", "first_plural": "we", "third": "the observer", "impersonal": "one"}
THINGS = words("house door city water street room school father woman family office book money paper table party")
DEEDS = words("found left took saw met heard kept built lost sold knew held")
PLACES = words("church road field town hospital office school station court club market party")
RARE = words("cyclopean gibbous eldritch antediluvian squamous noisome fetid rugose blasphemous daemoniac charnel")
MOODS = words("shudder loathing tremor foreboding rapture disquietude languor vertigo presentiment repugnance")
WAYS = words("furtively haltingly abominably languidly obliquely feverishly insidiously hideously tremulously")


def chunk(seed: str, who: str, count: int = 5) -> tuple[str, str]:
    """A plain text and a styled one: each long sentence of the second is two short ones of the first."""
    rng = Random(seed)
    plain, styled = [], []
    for _ in range(count):
        thing, other, more = rng.sample(THINGS, 3)
        place, far = rng.sample(PLACES, 2)
        deed, act = rng.sample(DEEDS, 2)
        one, two = rng.sample(RARE, 2)
        mood, way, how = rng.choice(MOODS), *rng.sample(WAYS, 2)
        subject = who[0].upper() + who[1:]
        plain.append(f"{subject} {deed} the {thing} by the {place}. A {other} {act} the {more} near the {far}.")
        styled.append(
            f"{subject} {way} {deed}, with a {one} {mood}, the {thing} by that {place}—and {how} a {two} {other} {act} "
            f"the {more} near the {far}."
        )
    middle = count // 2
    return (
        " ".join(plain[:middle]) + "\n\n" + " ".join(plain[middle:]),
        " ".join(styled[:middle]) + "\n\n" + " ".join(styled[middle:]),
    )


def pair(work: str, number: int, perspective: str = "as_written", **changes: str) -> dict[str, Any]:
    split = work.split("-")[0]
    source, target = chunk(f"{work}:{number}", WHO[perspective])
    name = f"{work}:{number}:{perspective}"
    row = {"id": name, "work": work, "split": split, "chunk": number, "perspective": perspective, "variant": "standard"}
    return row | {"topic": "original", "source": source, "target": target, "bleed": 0.4} | changes


def many() -> list[dict[str, Any]]:
    """24 pairs of train, 4 of valid and 4 of test, in every perspective alike."""
    works = {"train-a": 12, "train-b": 12, "valid-c": 4, "test-d": 4}
    return [pair(work, i, PERSPECTIVES[i % 4]) for work, count in works.items() for i in range(count)]


def written(folder: Path, pairs: list[dict[str, Any]], backend: str = "rules") -> Path:
    write_jsonl(folder / "rewritten" / "pairs.jsonl", pairs)
    write_json(folder / "rewritten" / "rewriter.json", {"backend": backend, "name": backend, "model": None})
    return folder


def prepared(folder: Path, pairs: list[dict[str, Any]] | None = None, **changes: Any) -> tuple[Path, Any]:
    written(folder, many() if pairs is None else pairs)
    params = PrepareParams.model_validate(PARAMS | changes)
    return folder / "dataset", prepare(
        folder / "rewritten", folder / "dataset", folder / "lengths.csv", folder / "rows.png", params
    )


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes take longer to start than so few pairs take to prepare."""
    monkeypatch.setenv("REFRAIN_ENGINE", "sequential")


def test_every_pair_is_a_row_and_train_alone_has_heavy_noise_and_other_orders(tmp_path: Path) -> None:
    dataset, metrics = prepared(tmp_path)
    found = {split: read_jsonl(dataset / f"{split}.jsonl") for split in ("train", "valid", "test")}
    assert metrics["rows_train"] == len(found["train"]) == sum(metrics["rows_by_type"].values())
    assert [row["id"] for row in found["valid"]] == [one["id"] for one in many() if one["split"] == "valid"]
    assert metrics["rows_by_type"]["original"] == 24
    assert 5 <= metrics["rows_by_type"]["robustness"] <= 19  # 24 draws at 0.5
    assert metrics["rows_by_perspective"].keys() == set(PERSPECTIVES)
    for split in ("valid", "test"):
        assert {(row["type"], row["shuffled"], row["rate"]) for row in found[split]} == {("original", False, 0.08)}
    assert 0 < metrics["shuffled_share"] < 0.6
    assert metrics["shuffled_share"] == round(sum(row["shuffled"] for row in found["train"]) / len(found["train"]), 4)
    assert metrics["dropped"] == {}
    assert metrics["shared_12grams"] == 0
    assert sum(metrics["content_types"].values()) == len([row for rows in found.values() for row in rows])


def test_noise_is_realised_as_asked_for(tmp_path: Path) -> None:
    dataset, metrics = prepared(tmp_path)
    assert metrics["noise_rate"] == pytest.approx(0.08, abs=0.01)
    assert metrics["noise_rate_robustness"] == pytest.approx(0.15, abs=0.01)
    for row in read_jsonl(dataset / "train.jsonl"):
        assert row["noise"] == pytest.approx(row["rate"], abs=0.01)
        assert row["rate"] == (0.15 if row["type"] == "robustness" else 0.08)


@pytest.mark.parametrize("kind", ["raw", "completions", "text"])
def test_prompts_of_inference_are_the_bytes_of_training(tmp_path: Path, words_of_rows: Any, kind: str) -> None:
    dataset, _ = prepared(tmp_path, format=kind)
    recipe = check_recipe(dataset)
    for split in ("train", "valid", "test"):
        found = read_jsonl(dataset / f"{split}.jsonl")
        trained = list(rows.texts(dataset / f"{split}.jsonl", words_of_rows))
        for row, (before, _) in zip(found, trained, strict=True):
            request = prompt(row["source"], row["words"], row["rate"], row["seed"], recipe)
            assert model_input(request, recipe, words_of_rows).encode() == before.encode()
            if kind == "raw":
                assert request.text.encode() == row["prompt"].encode()


@pytest.fixture(scope="module")
def words_of_rows(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer with ChatML, as a base has one."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [text for one in many() for text in (one["source"], one["target"])]
    tokenizer.write(tokenizer.learned(texts, 600), folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("kind", "end"), [("raw", "<|endoftext|>"), ("completions", "<|im_end|>\n"), ("text", "<|im_end|>\n")]
)
def test_the_loss_counts_the_target_alone_in_each_format(
    tmp_path: Path, words_of_rows: Any, kind: str, end: str
) -> None:
    dataset, _ = prepared(tmp_path, format=kind)
    target = {one["id"]: one["target"] for one in many()}
    end = words_of_rows.eos_token if kind == "raw" else end
    found, reasons = rows.read(dataset / "train.jsonl", words_of_rows, 10_000, "refuse", mask_prompt=True)
    assert not reasons
    for row, one in zip(read_jsonl(dataset / "train.jsonl"), found, strict=True):
        assert words_of_rows.decode(one.ids[one.first :]) == target[row["id"]] + end
        before = words_of_rows.decode(one.ids[: one.first])
        assert "voice" in before or "A tale of" in before  # the persona's frame counts for nothing
        assert target[row["id"]] not in before


def test_the_recipe_holds_what_inference_needs_and_goes_along_by_its_hash(tmp_path: Path) -> None:
    dataset, metrics = prepared(tmp_path)
    recipe = check_recipe(dataset)
    assert recipe.fingerprint == metrics["recipe_fingerprint"]
    assert recipe.rewriter["backend"] == "rules"
    train = [one for one in many() if one["split"] == "train"]
    ratio = sum(len(words(one["target"])) / len(words(one["source"])) for one in train) / len(train)
    assert recipe.words_ratio == {"standard": round(ratio, 4)}
    lengths = [len(words(one["source"])) for one in train]
    assert (recipe.words_least, recipe.words_most) == (min(lengths), max(lengths))
    assert recipe.persona.model_dump() == PERSONA
    before = recipe_hash(dataset)
    prepared(tmp_path, persona=PERSONA | {"hint_share": 0.6})
    assert recipe_hash(dataset) != before


def test_the_same_pairs_give_the_same_bytes_with_one_worker_and_with_two(tmp_path: Path) -> None:
    prepared(tmp_path / "one")
    other = written(tmp_path / "two", many())
    write_json(tmp_path / "params.yaml", {"prepare": PARAMS})  # JSON is YAML
    paths = [str(other / name) for name in ("rewritten", "dataset", "lengths.csv", "rows.png")]
    command = ["stages.prose.prepare", *paths, "--params", "prepare", "--params-file", str(tmp_path / "params.yaml")]
    environment = os.environ | {"REFRAIN_ENGINE": "loky", "REFRAIN_WORKERS": "2", "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=True)
    assert sha256_tree(tmp_path / "one") == sha256_tree(other)


def test_what_becomes_of_a_pair_owes_nothing_to_the_others(tmp_path: Path) -> None:
    one, _ = prepared(tmp_path / "all")
    two, _ = prepared(tmp_path / "fewer", [each for each in many() if each["id"] != "train-a:0:as_written"])
    rest = [row for row in read_jsonl(one / "train.jsonl") if row["id"] != "train-a:0:as_written"]
    ratios = [check_recipe(folder).words_ratio for folder in (one, two)]
    assert ratios[0] != ratios[1]  # that alone is of all of them
    assert read_jsonl(two / "train.jsonl") == rest


def test_the_histogram_counts_each_row_once(tmp_path: Path) -> None:
    _, metrics = prepared(tmp_path)
    with (tmp_path / "lengths.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for split in ("train", "valid", "test"):
        assert sum(int(line["rows"]) for line in lines if line["split"] == split) == metrics[f"rows_{split}"]
    assert histogram({"train": [0, BIN - 1, BIN], "valid": []}) == [
        ("train", 0, 2), ("train", BIN, 1), ("valid", 0, 0), ("valid", BIN, 0)
    ]  # fmt: skip


def test_shuffling_keeps_the_sentences_and_paragraphs_and_never_the_order() -> None:
    text = "One is here. Two is there. Three!\n\nFour, he said: “Five is in. Six is out.” Seven."
    for seed in range(50):
        other = shuffled(text, Random(seed))
        assert other != text
        assert other.count("\n\n") == 1
        assert "Four, he said: “Five is in. Six is out.”" in other  # speech stays whole
        assert sorted(words(other)) == sorted(words(text))
    assert shuffled("One is here. Two is there.", Random(1)) == "One is here. Two is there."


def test_shuffled_rows_lose_the_order_and_the_others_keep_it(tmp_path: Path) -> None:
    _, metrics = prepared(tmp_path, shuffle_share=1.0)
    assert metrics["shuffled_share"] == 1.0
    assert abs(metrics["order_tau"]) < 0.35
    _, metrics = prepared(tmp_path, shuffle_share=0.0)
    assert metrics["order_tau"] == metrics["order_tau_in_order"] > 0.9


def test_a_pair_twice_and_one_that_shares_a_run_with_held_out_text_are_left_out_and_counted() -> None:
    verse = "that is not dead which can eternal lie and with strange aeons even death may die"
    pairs = [
        pair("train-a", 1),
        pair("train-a", 1) | {"id": "again"},
        pair("train-a", 2, target=f"He read: {verse}."),
        pair("valid-b", 1, target=f"It said, {verse}!"),
        pair("test-c", 1, target=f"Again—{verse}."),
        pair("test-c", 2),
    ]
    kept, left_out = sifted(pairs)
    assert [one["id"] for one in kept] == ["train-a:1:as_written", "test-c:1:as_written", "test-c:2:as_written"]
    assert left_out == {
        "duplicate": ["again"],
        "train_shares_a_run": ["train-a:2:as_written"],
        "valid_shares_a_run": ["valid-b:1:as_written"],
    }


def test_a_verse_quoted_in_two_works_is_left_out_and_nothing_is_shared(tmp_path: Path) -> None:
    verse = " That is not dead which can eternal lie, and with strange aeons even death may die."
    pairs = many()
    pairs[0]["target"] += verse
    pairs[-1]["target"] += verse
    dataset, metrics = prepared(tmp_path, pairs)
    assert metrics["shared_12grams"] == 0
    assert metrics["dropped"] == {"train_shares_a_run": 1}
    assert "eternal" not in (dataset / "train.jsonl").read_text()
    assert "eternal" in (dataset / "test.jsonl").read_text()


def test_what_an_author_writes_like_a_model_is_a_row_and_spoils_nothing(tmp_path: Path) -> None:
    """One such sentence of the author's ended the stage."""
    lines = (
        "“I cannot help you with that,” said the inspector.",
        "Here is a passage from the log.",
        "It was __No__ that he said.",
        "### It was so.",
    )
    pairs = many()
    for one, line in zip(pairs[::4], lines):
        assert one["perspective"] == "as_written"
        one |= {"source": f"{line}\n\n{one['source']}", "target": f"{line}\n\n{one['target']}"}
    dataset, metrics = prepared(tmp_path, pairs)
    found = [row["target"].split("\n\n")[0] for row in read_jsonl(dataset / "train.jsonl") if row["type"] == "original"]
    assert found[:16:4] == list(lines)
    assert metrics["dropped"] == {}


def test_a_pair_that_rewriting_spoilt_is_left_out_and_counted(tmp_path: Path) -> None:
    pairs = many()
    pairs[0]["source"] = "I'm sorry, but I can't assist with that."
    dataset, metrics = prepared(tmp_path, pairs, checkpoint=CHECKPOINT | {"max_faulty": 1 / 32})
    assert metrics["dropped"] == {"refusal": 1}
    assert pairs[0]["id"] not in [row["id"] for row in read_jsonl(dataset / "train.jsonl")]


def test_the_input_keeps_the_authors_marks_in_the_target(tmp_path: Path) -> None:
    """Defect 7: dashes and curly quotes are the author's rhythm."""
    pairs = many()
    pairs[0]["target"] += " “Never—never!” it said… and ‘so’ it was."
    dataset, _ = prepared(tmp_path, pairs)
    assert read_jsonl(dataset / "train.jsonl")[0]["target"] == pairs[0]["target"]


def test_wrong_pairs_are_one_line_with_their_place(tmp_path: Path) -> None:
    for change, expected in (
        ({"target": None}, r"pairs.jsonl:2: target is None, expected text"),
        ({"split": "dev"}, r"pairs.jsonl:2: split is 'dev', expected one of train, valid, test"),
        ({"id": "train-a:0:as_written"}, r"pairs.jsonl:2: id 'train-a:0:as_written' is line 1's, too"),
    ):
        pairs = many()
        pairs[1] |= change
        with pytest.raises(StageError, match=expected):
            prepared(tmp_path, pairs)
    with pytest.raises(StageError, match="has no pair of train"):
        prepared(tmp_path, [])
    written(tmp_path, many())
    (tmp_path / "rewritten" / "rewriter.json").write_text("{}")
    with pytest.raises(StageError, match="doesn't name its backend"):
        prepare(
            tmp_path / "rewritten",
            tmp_path / "d",
            tmp_path / "l.csv",
            tmp_path / "r.png",
            PrepareParams.model_validate(PARAMS),
        )


def test_a_stage_with_a_wrong_frame_ends_before_it_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = {"narrative": ["A tale of {words words:"], "conceptual": ["In {words} words:"]}
    params = PARAMS | {"persona": PERSONA | {"frames": frames}}
    write_json(tmp_path / "params.yaml", {"prepare": params})
    paths = [str(tmp_path / name) for name in ("rewritten", "dataset", "lengths.csv", "rows.png")]
    assert run(prepare, [*paths, "--params", "prepare", "--params-file", str(tmp_path / "params.yaml")]) == 1
    said = capsys.readouterr().err
    assert "prepare.persona.frames.narrative.0 is 'A tale of {words words:', expected balanced braces" in said
    assert said.count("\n") == 1
