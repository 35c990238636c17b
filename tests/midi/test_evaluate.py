"""The whole stage on a small dataset and a random model: what it writes, what it refuses, that it repeats itself."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stages.files import read_jsonl, sha256_tree, write_json, write_jsonl, write_text
from stages.lora import blas, tokenizer
from stages.midi.evaluate import EvaluateParams, evaluate
from stages.midi.prepare import PrepareParams, prepare
from stages.midi.reader import Caps, read
from stages.midi.song import to_json
from stages.run import StageError
from tests.midi.tunes import tune

PREPARE = PrepareParams(
    ticks_per_quarter=12,
    chords="none",
    format="text",
    row_tokens=256,
    prompt_tokens=40,
    tokens_per_name=1.0,
    transpositions=[0, 2],
    plain_share=0.5,
    seed=1,
)
PARAMS = EvaluateParams(
    row_tokens=256,
    test_songs=3,
    ngram_order=4,
    reference_songs=20,
    samples=3,
    sample_tokens=90,
    temperature=1.0,
    top_p=1.0,
    pictures=1,
    seed=1,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset of made-up tunes, and a random model whose tokenizer knows its words."""
    folder = tmp_path_factory.mktemp("evaluate")
    splits = ["train"] * 20 + ["valid"] * 2 + ["test"] * 4
    genres = ["hymn", "chorale"]
    rows = [
        {
            "id": f"tune-{seed:02}",
            "genre": genres[seed % 2],
            "title": f"Tune {seed}",
            "group": f"{seed:02}",
            "split": split,
            "song": to_json(tune(seed, bars=8)),
        }
        for seed, split in enumerate(splits)
    ]
    write_jsonl(folder / "songs.jsonl", rows)
    prepare(folder / "songs.jsonl", folder / "dataset", folder / "lengths.csv", PREPARE)
    return folder / "dataset", random_model(folder / "model", folder / "dataset")


def random_model(folder: Path, dataset: Path) -> Path:
    """A Qwen2 of one layer."""
    blas.load()
    import mlx.core as mx
    from mlx_lm.models import qwen2
    from mlx_lm.utils import save_model

    words = (dataset / "words.txt").read_text().split()
    backend: Any = tokenizer.make(words)
    tokenizer.write(backend, folder)
    size = -(-backend.get_vocab_size() // 128) * 128
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": 128,
        "num_hidden_layers": 1,
        "intermediate_size": 128,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rms_norm_eps": 1e-6,
        "vocab_size": size,
        "max_position_embeddings": 512,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "eos_token_id": backend.token_to_id("<|im_end|>"),
        "bos_token_id": None,
    }
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {"eos_token_id": config["eos_token_id"]})
    mx.random.seed(0)
    model = qwen2.Model(qwen2.ModelArgs.from_dict(config))
    mx.eval(model.parameters())
    save_model(folder, model)
    return folder


@pytest.fixture(scope="module")
def results(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], Path]]:
    """Metrics and folder of two runs."""
    dataset, model = folders
    found = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("run")
        metrics = evaluate(model, model, dataset, folder / "samples", folder / "samples.png", PARAMS)
        found.append((json.loads(json.dumps(metrics, allow_nan=False)), folder))
    return found


def test_the_metrics_hold_what_other_commits_compare(results: list[tuple[dict[str, Any], Path]]) -> None:
    metrics, _ = results[0]
    expected = {
        "bits_per_note", "base_bits_per_note", "bits_per_note_with_request", "ngram_bits_per_note", "ratio_to_ngram",
        "perplexity", "token_accuracy", "accuracy", "grammar_errors_per_token", "valid_share", "reencode_share",
        "coherence", "coherence_auc", "coherence_auc_min", "statistics", "genres", "blas",
    }  # fmt: skip
    assert expected <= set(metrics)
    assert set(metrics["genres"]) == {"hymn", "chorale"}
    assert metrics["test_pieces"] == 3


def test_masked_samples_are_valid_and_encode_back(results: list[tuple[dict[str, Any], Path]]) -> None:
    metrics, _ = results[0]
    assert metrics["valid_share"] == metrics["reencode_share"] == 1
    assert metrics["grammar_errors_per_token"] > 0.1  # a random model breaks the grammar where it may


def test_a_random_model_is_far_worse_than_the_ngram_and_equal_to_itself(
    results: list[tuple[dict[str, Any], Path]],
) -> None:
    metrics, _ = results[0]
    assert metrics["bits_per_note"] == metrics["base_bits_per_note"] > 3 * metrics["ngram_bits_per_note"]
    assert metrics["perplexity"] > 500  # an untrained model spreads over a thousand ids and more


def test_the_parts_add_up_to_the_whole(results: list[tuple[dict[str, Any], Path]]) -> None:
    metrics, folder = results[0]
    genres = metrics["genres"].values()
    assert sum(genre["notes"] for genre in genres) == metrics["test_notes"]
    whole = sum(genre["bits_per_note"] * genre["notes"] for genre in genres) / metrics["test_notes"]
    assert whole == pytest.approx(metrics["bits_per_note"], abs=1e-3)
    with (folder / "samples" / "kinds.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = sum(float(row["accuracy"]) * int(row["tokens"]) for row in rows)
    assert sum(int(row["tokens"]) for row in rows) == metrics["scored_tokens"]
    assert right / metrics["scored_tokens"] == pytest.approx(metrics["token_accuracy"], abs=1e-3)


def test_samples_are_files_that_read_and_text_that_begins_with_the_request(
    results: list[tuple[dict[str, Any], Path]],
) -> None:
    _, folder = results[0]
    caps = Caps(bytes=10**6, ticks=10**7, notes=10**4, bars=10**4, seconds=10**5)
    files = sorted((folder / "samples").glob("*.mid"))
    assert len(files) == PARAMS.samples
    for file in files:
        assert len(read(file.read_bytes(), caps).song.notes) > 0
        text = file.with_suffix(".txt").read_text()
        assert text.startswith("Generate a ") and "SONG_START\nBAR_START" in text
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_two_runs_give_the_same_bytes(results: list[tuple[dict[str, Any], Path]]) -> None:
    (first, one), (second, other) = results
    assert sha256_tree(one) == sha256_tree(other)
    assert first == second


def test_other_row_formats_give_the_ngram_the_same_rows(
    folders: tuple[Path, Path], results: list[tuple[dict[str, Any], Path]], tmp_path: Path
) -> None:
    dataset, model = folders
    prepare(dataset.parent / "songs.jsonl", tmp_path / "dataset", tmp_path / "lengths.csv",
            PREPARE.model_copy(update={"format": "messages"}))  # fmt: skip
    metrics = evaluate(model, model, tmp_path / "dataset", tmp_path / "samples", tmp_path / "sheet.png", PARAMS)
    for name in ("ngram_bits_per_note", "bits_per_note", "ngram"):
        assert metrics[name] == results[0][0][name]


def test_a_dataset_without_test_pieces_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, model = folders
    for file in dataset.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = [row for row in read_jsonl(dataset / "songs.jsonl") if row["split"] != "test"]
    write_jsonl(tmp_path / "songs.jsonl", rows)
    with pytest.raises(StageError, match="no piece of the test split"):
        evaluate(model, model, tmp_path, tmp_path / "samples", tmp_path / "sheet.png", PARAMS)


def test_a_dataset_of_another_vocabulary_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    _, model = folders
    write_text(tmp_path / "vocabulary.json", json.dumps({"ticks_per_quarter": 12, "digest": "0" * 64}))
    with pytest.raises(StageError, match=r"the vocabulary has changed; run midi.prepare again"):
        evaluate(model, model, tmp_path, tmp_path / "samples", tmp_path / "sheet.png", PARAMS)
