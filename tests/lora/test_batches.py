import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.lora.batches import arrays, plan, steps_per_epoch, width
from stages.lora.rows import Row

LENGTHS = st.lists(st.integers(2, 300), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 3), st.integers(0, 9), st.integers(0, 3))
def test_every_row_is_in_one_batch_of_each_epoch(
    lengths: list[int], batch_rows: int, accumulation: int, seed: int, epoch: int
) -> None:
    steps = plan(lengths, batch_rows, accumulation, seed, epoch)
    assert sorted(row for step in steps for batch in step for row in batch) == list(range(len(lengths)))
    assert all(1 <= len(step) <= accumulation for step in steps)
    assert all(1 <= len(batch) <= batch_rows for step in steps for batch in step)
    assert len(steps) == steps_per_epoch(len(lengths), batch_rows, accumulation)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = [10 + row % 40 for row in range(64)]
    assert plan(lengths, 4, 2, seed=3, epoch=1) == plan(lengths, 4, 2, seed=3, epoch=1)
    assert plan(lengths, 4, 2, seed=3, epoch=1) != plan(lengths, 4, 2, seed=3, epoch=2)
    assert plan(lengths, 4, 2, seed=3, epoch=1) != plan(lengths, 4, 2, seed=4, epoch=1)


def test_rows_of_like_length_share_a_batch() -> None:
    lengths = [20, 200] * 8  # widths 32 and 224; 8 rows of each fill two batches of 4
    for step in plan(lengths, batch_rows=4, accumulation=1, seed=0, epoch=0):
        assert len({width(lengths[row]) for row in step[0]}) == 1


def test_widths_are_multiples_of_32_without_the_last_token() -> None:
    assert [width(length) for length in (2, 33, 34, 65, 66)] == [32, 32, 64, 64, 96]


def test_a_row_predicts_each_target_from_the_token_before() -> None:
    row = Row(np.array([5, 6, 7, 8], np.int32), first=2)  # prompt 5 6, answer 7 8
    inputs, nexts, weights = arrays([row], batch_rows=2)
    assert inputs.shape == nexts.shape == weights.shape == (2, 32)
    assert inputs[0, :4].tolist() == [5, 6, 7, 0]
    assert nexts[0, :4].tolist() == [6, 7, 8, 0]
    assert weights[0, :4].tolist() == [0, 1, 1, 0]  # 6 is prompt; nothing follows 8
    assert weights.sum() == row.targets == 2
