import math
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from stages.files import write_jsonl
from stages.lora.held_out import Batch, HeldOut, batches, held_out, parity, row_count, scored
from stages.lora.model import BATCH_LOGITS, load
from stages.lora.parity import Gates, Parity, compare, gate
from stages.lora.rows import Row
from stages.run import StageError
from tests.lora import tiny

LOOSE = Gates(max_logit_difference=9.0, max_mean_kl=9.0, min_argmax_agreement=0.0, max_lost_share=9.0)


def test_figures_worked_out_by_hand() -> None:
    # one row of three tokens, of which the last two count; shares 1/2, 1/4, 1/4 against 1/4, 1/2, 1/4
    one = np.log([[[0.98, 0.01, 0.01], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]]).astype(np.float32)
    two = np.log([[[0.01, 0.98, 0.01], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]]).astype(np.float32)
    found = compare(mx.array(one), mx.array(two), np.array([[0, 0, 2]]), np.array([[False, True, True]]))
    figures = found.figures()
    assert found.tokens == 2
    assert figures["reference_loss"] == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert figures["loss_increase"] == pytest.approx(math.log(2) / 2)  # log 4 for log 2 at one of two tokens
    assert figures["lost_share"] == pytest.approx(1 / 3)  # log 4 twice, against log 2 and log 4: 4 / 3 of it
    assert figures["mean_kl"] == pytest.approx((math.log(2) / 4) / 2)  # 1/2 log 2 - 1/4 log 2 at one of two
    assert figures["argmax_agreement"] == 0.5
    assert figures["max_logit_difference"] == pytest.approx(math.log(2))


def test_the_share_lost_is_that_of_the_bits_per_note() -> None:
    figures = Parity(tokens=600, reference_loss=500.0, other_loss=540.0).figures()
    notes = 150
    bits, bits_then = (nats / math.log(2) / notes for nats in (500.0, 540.0))
    assert figures["lost_share"] == pytest.approx(bits_then / bits - 1)


def test_a_reference_that_is_sure_of_every_token_loses_all_or_nothing() -> None:
    assert Parity(tokens=3).figures()["lost_share"] == 0
    assert Parity(tokens=3, other_loss=0.5).figures()["lost_share"] == math.inf


def test_the_sum_of_two_batches_is_the_whole() -> None:
    rng = np.random.default_rng(0)
    one, two = (mx.array(rng.normal(size=(4, 6, 9)).astype(np.float32)) for _ in range(2))
    targets, counted = rng.integers(0, 9, (4, 6)), rng.random((4, 6)) < 0.5
    whole = compare(one, two, targets, counted).figures()
    halves = [compare(one[part], two[part], targets[part], counted[part]) for part in (slice(0, 2), slice(2, 4))]
    assert (halves[0] + halves[1]).figures() == pytest.approx(whole)


@pytest.mark.parametrize(
    ("limit", "value", "found"),
    [
        ("max_logit_difference", 0.5, 0.75),
        ("max_mean_kl", 0.5, 0.75),
        ("min_argmax_agreement", 0.9, 0.25),
        ("max_lost_share", 0.5, 0.75),
    ],
)
def test_each_gate_fails_beyond_its_limit_and_holds_at_it(limit: str, value: float, found: float) -> None:
    name = limit if limit == "max_logit_difference" else limit[4:]
    figures = {"max_logit_difference": 0.0, "mean_kl": 0.0, "argmax_agreement": 1.0, "lost_share": 0.0}
    gates = LOOSE.model_copy(update={limit: value})
    gate("copy", figures | {name: value}, gates)
    with pytest.raises(StageError, match=rf"^copy: {name} is {found}, {limit} in the params is {value}$"):
        gate("copy", figures | {name: found}, gates)


def test_logits_that_are_not_numbers_fail() -> None:
    logits = mx.zeros((1, 2, 3))
    broken = logits.at[0, 1, 1].add(mx.nan)
    figures = compare(logits, broken, np.zeros((1, 2), int), np.ones((1, 2), bool)).figures()
    with pytest.raises(StageError, match="is nan"):
        gate("copy", figures, LOOSE)
    for name in ("max_logit_difference", "mean_kl", "lost_share"):
        assert math.isnan(figures[name])


def test_a_batch_counts_the_targets_and_no_padding() -> None:
    rows = [Row(np.array([5, 6, 7, 8], np.int32), 2), Row(np.array([3, 4], np.int32), 1)]
    (batch,) = batches(rows, vocabulary=512)
    assert batch.ids.tolist() == [[5, 6, 7], [3, 4, 0]]
    assert batch.targets.tolist() == [[6, 7, 8], [4, 0, 0]]
    assert batch.counted.tolist() == [[False, True, True], [True, False, False]]
    assert row_count([batch]) == 2


def test_parity_joins_all_batches() -> None:
    table = mx.array(np.random.default_rng(0).normal(size=(9, 9)).astype(np.float32))
    ids = np.array([[1, 2, 3]], np.int32)
    every = [Batch(ids, ids, np.array([[True, False, True]])), Batch(ids[:, :1], ids[:, :1], np.array([[True]]))]
    expected = scored(lambda given: table[mx.array(given)], every)
    same = parity(expected, lambda given: table[mx.array(given)], every)
    assert (same.tokens, same.agreeing, same.kl) == (3, 3, 0.0)
    doubled = parity(expected, lambda given: 2 * table[mx.array(given)], every).figures()
    assert doubled["max_logit_difference"] == pytest.approx(float(mx.abs(table[mx.array([1, 3])]).max()))


def test_a_dataset_without_held_out_rows_is_an_error(tmp_path: Path) -> None:
    tokenizer = load(tiny.model_folder(tmp_path / "model")).tokenizer
    params = HeldOut(rows=4, row_tokens=64, mask_prompt=True)
    with pytest.raises(StageError, match=r"valid.jsonl is missing; .* is not a dataset with held-out rows"):
        held_out(tmp_path, tokenizer, 512, params)
    write_jsonl(tmp_path / "valid.jsonl", [{"text": ""}])
    with pytest.raises(StageError, match=r"valid.jsonl has no row with a target"):
        held_out(tmp_path, tokenizer, 512, params)


def test_one_long_row_takes_a_small_part_of_the_memory_of_its_logits() -> None:
    rng = np.random.default_rng(0)
    one, two = (mx.array(rng.normal(size=(1, 8 * 1024, BATCH_LOGITS // 1024)).astype(np.float32)) for _ in range(2))
    targets = rng.integers(0, BATCH_LOGITS // 1024, (1, 8 * 1024))
    counted = np.ones(targets.shape, bool)
    halves = (slice(0, 5000), slice(5000, 8192))
    parts = [compare(one[:, part], two[:, part], targets[:, part], counted[:, part]) for part in halves]
    mx.eval(one, two)
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    found = compare(one, two, targets, counted)
    assert mx.get_peak_memory() - before < 2 * one.nbytes  # ten times that in one piece
    assert found.figures() == pytest.approx((parts[0] + parts[1]).figures())


def rows_of_six(folder: Path) -> tuple[Path, Path]:
    """A model, and a dataset of twelve rows whose prompt and answer are three words each."""
    rows = [{"prompt": " Naa Nab Nac", "completion": " ".join(tiny.WORDS[n : n + 3])} for n in range(3, 39, 3)]
    write_jsonl(folder / "valid.jsonl", rows)
    return tiny.model_folder(folder / "model"), folder


def test_as_many_rows_are_compared_as_the_params_say_and_prompts_only_if_they_say_so(tmp_path: Path) -> None:
    model, dataset = rows_of_six(tmp_path)
    tokenizer = load(model).tokenizer
    counts = {}
    for masked in (True, False):
        found = held_out(dataset, tokenizer, 512, HeldOut(rows=4, row_tokens=64, mask_prompt=masked))
        assert row_count(found) == 4
        counts[masked] = sum(int(batch.counted.sum()) for batch in found)
        lengths = sum(int((batch.ids != 0).sum()) for batch in found)
    # four tokens at least to an answer, with its end; without the mask all but the first of a row count
    assert 4 * 4 <= counts[True] < counts[False]
    assert counts[False] >= lengths - 4


def test_more_logits_than_memory_holds_are_refused_before_any_is_computed(tmp_path: Path) -> None:
    model, dataset = rows_of_six(tmp_path)
    params = HeldOut(rows=64, row_tokens=4096, mask_prompt=True)  # 64 * 4096 * 152064 * 4 = 159.45e9
    with pytest.raises(
        StageError, match=r"^rows is 64 and row_tokens 4096: .* 159\.5 GB of memory, expected at most 8;"
    ):
        held_out(dataset, load(model).tokenizer, 152_064, params)
