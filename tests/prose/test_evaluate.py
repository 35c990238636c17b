"""The whole stage on two random models."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stages.files import read_jsonl, sha256_file, sha256_tree, write_json, write_jsonl
from stages.lora import blas, tokenizer
from stages.lora.recipe import RECIPE
from stages.prose import metaphor, persona
from stages.prose.evaluate import EvaluateParams, asked, evaluate
from stages.prose.heldout import read_data
from stages.prose.prepare import PrepareParams, rows_of
from stages.prose.request import requests
from stages.prose.text import words
from stages.run import StageError
from tests.lora import tiny
from tests.prose import stories
from tests.prose.test_persona import persona_params
from tests.prose.test_prepare import PARAMS as PREPARE
from tests.prose.test_prepare import RARE, chunk

PARAMS = EvaluateParams.model_validate(
    {
        "rows": 4,
        "row_tokens": 1200,
        "sample_tokens": 24,
        "temperature": 1.0,
        "top_p": 0.95,
        "segment_words": 100,
        "delta_words": 50,
        "markers": {"most": 20, "prior_words": 1000, "min_works": 2, "min_z": 1.0, "below_zipf": 6.0},
        "probes": 3,
        "probe_words": 20,
        "seed": 1,
    }
)
# Its plain prose is that of the rows: rules would make another one of what `told` made up.
WRITER: dict[str, Any] = {"backend": "openai", "model": "m"}
WORKS = ("train-a", "train-b", "train-c", "train-d", "valid-e", "test-f", "test-g")


def told(work: str) -> list[tuple[str, str]]:
    """Plain and styled paragraphs of a work, with a name and a number in each."""
    found = [chunk(f"{work}:{place}", "I") for place in range(4)]
    return [
        (f"{plain} Abel Turner wrote {20 + place} letters.", f"{styled} Abel Turner wrote {20 + place} letters.")
        for place, (plain, styled) in enumerate(found)
    ]


def written(
    folder: Path, kind: persona.Format = "raw", perspective: str = "as_written", rewriter: dict[str, Any] = WRITER
) -> tuple[Path, Path]:
    """A dataset of six works and what it was made from."""
    curated = [
        row
        for work in WORKS
        for row in stories.rows(work, [styled for _, styled in told(work)], work.partition("-")[0])
    ]
    other = [plain.replace(" the ", " that same ") for work in ("x", "y") for plain, _ in told(work)]
    references = [row | {"author": "clerk"} for row in stories.rows("elsewhere", other, "reference")]
    write_jsonl(folder / "curated" / "paragraphs.jsonl", [*curated, *references])

    params = PrepareParams.model_validate(PREPARE | {"format": kind})
    recipe = persona.make_recipe(kind, persona_params(), rewriter, {"standard": 1.2}, 100)
    about = {"perspective": perspective, "variant": "standard", "topic": "original"}
    for split in ("train", "valid", "test"):
        pairs = [
            {"id": f"{row['work']}:{row['index']}", "work": row["work"], "split": split, **about}
            | {"source": told(row["work"])[row["index"]][0], "target": row["text"]}
            for row in curated
            if row["split"] == split
        ]
        made = [one.row for pair in pairs for one in rows_of(pair, recipe, params)]
        write_jsonl(folder / "dataset" / f"{split}.jsonl", made)
    write_json(folder / "dataset" / RECIPE, recipe.model_dump())
    return folder / "dataset", folder / "curated"


def model(folder: Path, seed: int) -> Path:
    """A random model that can spell prose."""
    tiny.model_folder(folder, seed)
    backend: Any = tokenizer.learned([text for work in WORKS for pair in told(work) for text in pair], 512)
    tokenizer.write(backend, folder)
    end = backend.token_to_id("<|im_end|>")
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"eos_token_id": end})
    write_json(folder / "generation_config.json", {"eos_token_id": end})
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Base and fused."""
    blas.load()
    folder = tmp_path_factory.mktemp("models")
    return model(folder / "base", 0), model(folder / "fused", 1)


def run(folder: Path, models: tuple[Path, Path], paths: tuple[Path, Path], **changes: Any) -> Any:
    samples, lengths, marks = (folder / name for name in ("samples", "sentences.png", "marks.png"))
    metrics = evaluate(*models, *paths, samples, lengths, marks, PARAMS.model_copy(update=changes))
    return json.loads(json.dumps(metrics, allow_nan=False))


@pytest.fixture(scope="module")
def made(
    models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[Path, Path], Path, dict[str, Any]]:
    """Dataset and curated, what the stage wrote, and its metrics."""
    paths = written(tmp_path_factory.mktemp("data"))
    folder = tmp_path_factory.mktemp("run")
    return paths, folder, run(folder, models, paths)


SHARES = (
    "chrf", "content_recall", "names_kept", "names_invented", "numbers_kept", "numbers_invented", "copy_rate_8gram",
    "copy_rate_8gram_plain", "unknown_word_rate", "empty_rate", "loop_rate", "unfinished_rate",
)  # fmt: skip
DELTAS = ("delta_cosine_author", "delta_cosine_source")


def test_every_figure_is_there_and_in_its_range(made: Any) -> None:
    metrics = made[2]
    for of in (metrics, metrics["base"], metrics["mended"]):
        for name in SHARES:
            assert of[name] is None or 0 <= of[name] <= 1, name
        for name in DELTAS:
            assert of[name] is None or 0 <= of[name] <= 2, name
        assert of["order_tau"] is None or -1 <= of["order_tau"] <= 1
        assert of["rhythm_distance"] is None or of["rhythm_distance"] >= 0
        assert of["length_ratio"] >= 0
        assert of["longest_copied_run"] is None or of["longest_copied_run"] >= 0
    for of in (metrics, metrics["base"]):
        assert of["perplexity"] > 1 and of["bits_per_word"] > 0
        assert 0 <= of["metaphor_share"] <= 1
    assert metrics["perplexity"] != metrics["base"]["perplexity"]
    for name in ("source", "author"):
        assert all(0 <= metrics[name][key] <= 2 for key in DELTAS)
        assert sum(metrics[name]["attributed"].values()) == pytest.approx(1)
        assert set(metrics[name]["attributed"]) == {"author", "source", "clerk"}
    assert set(metrics["other_works"]) == {"author", "source"}
    assert metrics["rows_rewritten"] == 4
    assert metrics["test_rows"] == 8  # whose perplexity it is
    assert metrics["delta_left_out"] == [] and set(metrics["delta_group_words"]) == {"author", "source", "clerk"}
    assert metrics["delta_plain"] == "rows of train"
    assert metrics["markers_insufficient"] == metrics["attributed_insufficient"] == ""
    assert metrics["test_words"] == sum(len(words(styled)) for work in WORKS[-2:] for _, styled in told(work))
    assert metrics["markers"] > 5
    assert set(metrics["style"]) == {"output", "base", "source", "author"}
    keys = {"sentence_words", "sentence_variation", "rhythm_distance", "marker_rate", "mtld"}
    assert all(set(style) == keys for style in metrics["style"].values())
    assert metrics["style"]["author"]["rhythm_distance"] == 0
    assert metrics["style"]["author"]["marker_rate"] > metrics["style"]["source"]["marker_rate"]
    assert set(metrics["marks"]) == {"source", "author", "output"}
    assert metrics["marks"]["author"]["comma"] > metrics["marks"]["source"]["comma"]
    assert metrics["blas"]


def test_the_author_and_the_source_are_the_ends_that_a_model_lies_between(made: Any) -> None:
    author, source = made[2]["author"], made[2]["source"]
    assert author["delta_cosine_author"] < source["delta_cosine_author"]
    assert source["delta_cosine_source"] < author["delta_cosine_source"]
    assert author["delta_shift"] > source["delta_shift"] == source["delta_shift_share"] == 0
    assert author["delta_shift_share"] == 1
    assert author["attributed"]["author"] > 0.5 > source["attributed"]["author"]
    others = made[2]["other_works"]
    assert others["author"]["delta_cosine_author"] < others["source"]["delta_cosine_author"]
    assert others["author"]["attributed_author"] > others["source"]["attributed_author"]


def test_the_authors_other_works_have_a_rhythm_distance_too(made: Any) -> None:
    others = made[2]["other_works"]
    assert 0 <= others["author"]["rhythm_distance"] < others["source"]["rhythm_distance"]
    low, high = others["author"]["rhythm_of_works"]
    assert 0 <= low <= high < others["source"]["rhythm_of_works"][0]
    assert len(made[2]["rhythm_interval"] or [0, 0]) == 2


def test_all_rows_are_written_with_what_is_wrong_with_them(made: Any) -> None:
    (dataset, _), folder, metrics = made
    rows = read_jsonl(folder / "samples" / "outputs.jsonl")
    test = {row["id"]: row for row in read_jsonl(dataset / "test.jsonl")}
    assert [row["id"] for row in rows] == ["test-f:0", "test-f:2", "test-g:1", "test-g:3"]  # spread evenly over 8
    for row in rows:
        assert (row["source"], row["target"]) == (test[row["id"]]["source"], test[row["id"]]["target"])
        assert {"work", "output", "base", "names_lost", "numbers_lost", "looped", "unfinished"} <= row.keys()
    told_rows = [row for row in rows if words(row["output"])]
    assert metrics["empty_rate"] == 1 - len(told_rows) / 4
    assert metrics["longest_copied_run"] == max(row["longest_copied_run"] for row in told_rows)
    assert metrics["loop_rate"] == round(sum(row["looped"] for row in told_rows) / len(told_rows), 4)
    assert all(row["output"].startswith(row["mended"]) for row in rows)
    probes = read_jsonl(folder / "samples" / "probes.jsonl")
    assert [probe["noun"] for probe in probes] == list(metaphor.PROBES[:3])


def test_tables_and_pictures_are_written(made: Any) -> None:
    _, folder, metrics = made
    for name in ("sentences.png", "marks.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    with (folder / "samples" / "markers.csv").open(newline="") as file:
        found = [line["word"] for line in csv.DictReader(file)]
    assert len(found) == metrics["markers"]
    assert set(RARE) & set(found) and "house" not in found
    with (folder / "samples" / "lengths.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for name in ("source", "author"):
        shares = [float(line["sentences"]) for line in lines if line["text"] == name]
        assert sum(shares) == pytest.approx(1, abs=0.001)


def test_two_runs_write_the_same_bytes(made: Any, models: tuple[Path, Path], tmp_path: Path) -> None:
    paths, folder, metrics = made
    assert run(tmp_path, models, paths) == metrics
    assert sha256_tree(tmp_path / "samples") == sha256_tree(folder / "samples")
    for name in ("sentences.png", "marks.png"):
        assert sha256_file(tmp_path / name) == sha256_file(folder / name)


def prompted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the prompts go that are sampled from."""
    from stages.lora import generate

    seen: list[str] = []
    real: Callable[..., list[list[int]]] = generate.sample

    def sample(model: Any, reader: Any, prompts: Sequence[str], *rest: Any, **options: Any) -> list[list[int]]:
        seen.extend(prompts)
        return real(model, reader, prompts, *rest, **options)

    monkeypatch.setattr(generate, "sample", sample)
    return seen


@pytest.mark.parametrize("kind", ["completions", "text"])
def test_a_model_is_asked_as_in_use_in_each_format(
    tmp_path: Path, models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, kind: persona.Format
) -> None:
    from transformers import AutoTokenizer

    seen = prompted(monkeypatch)
    paths = written(tmp_path, kind)
    metrics = run(tmp_path, models, paths, sample_tokens=16, rows=2)
    reader = AutoTokenizer.from_pretrained(models[0])
    recipe = persona.read_recipe(paths[0])
    rows = read_jsonl(paths[0] / "test.jsonl")
    found = requests([row["source"] for row in rows], [row["seed"] for row in rows], lambda texts: list(texts), recipe)
    expected = [persona.model_input(request.prompt, recipe, reader) for request in found if request]
    assert seen[:2] == [expected[0], expected[-1]]
    assert all(prompt.endswith("<|im_start|>assistant\n") for prompt in seen)
    assert metrics["author"]["copy_rate_8gram"] < 1
    assert read_jsonl(tmp_path / "samples" / "outputs.jsonl")[0]["target"] == told("test-f")[0][1]


def test_the_length_asked_for_owes_nothing_to_the_target(tmp_path: Path) -> None:
    dataset, curated = written(tmp_path)
    rows = read_jsonl(dataset / "test.jsonl")
    longer = [row | {"target": row["target"] + " And so on." * 30, "words": row["words"] + 90} for row in rows]
    before = asked(read_data(dataset, curated, 8), PARAMS)
    write_jsonl(dataset / "test.jsonl", longer)
    assert asked(read_data(dataset, curated, 8), PARAMS) == before
    assert len(before) == 8 + PARAMS.probes
    data = read_data(dataset, curated, 8)
    target = round(data.recipe.words_target(data.sources[0]) / 10) * 10
    assert f"{target} words" in before[0].instruction


def test_a_setup_that_cannot_be_measured_is_one_line(models: tuple[Path, Path], tmp_path: Path) -> None:
    others = written(tmp_path / "others", perspective="third")
    with pytest.raises(StageError, match=r"test.jsonl has no row of type original, perspective as_written") as error:
        run(tmp_path, models, others)
    assert "\n" not in str(error.value)

    paths = written(tmp_path)
    with pytest.raises(StageError, match=r"test.jsonl: [1-8] .*rows have more than row_tokens 64; raise it") as error:
        run(tmp_path, models, paths, row_tokens=64)
    assert "\n" not in str(error.value)

    recipe = persona.read_recipe(paths[0]).model_dump()
    write_json(paths[0] / RECIPE, recipe | {"fingerprint": "0" * 64})
    with pytest.raises(StageError, match=r"recipe.json: its fingerprint is 000000000000, this code") as error:
        run(tmp_path, models, paths)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "samples").exists()


def test_a_row_that_alone_is_too_long_is_refused_too(models: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, curated = written(tmp_path)
    rows = read_jsonl(dataset / "test.jsonl")
    write_jsonl(dataset / "test.jsonl", [*rows * 20, rows[0] | {"target": "word " * 3000}])
    with pytest.raises(StageError, match=r"test.jsonl: 1 rows have more than row_tokens 1200; raise it"):
        run(tmp_path, models, (dataset, curated))
    assert not (tmp_path / "samples").exists()
