import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.lora.batches import arrays, plan, width
from stages.lora.rows import Row

LENGTHS = st.lists(st.integers(2, 300), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 3), st.integers(0, 9), st.integers(0, 3), st.booleans())
def test_every_row_is_in_one_line_of_each_epoch(
    lengths: list[int], batch_rows: int, accumulation: int, seed: int, epoch: int, packed: bool
) -> None:
    steps = plan(lengths, batch_rows, accumulation, seed, epoch, 320 if packed else None)
    lines = [line for step in steps for batch in step for line in batch]
    assert sorted(row for line in lines for row in line) == list(range(len(lengths)))
    assert all(1 <= len(step) <= accumulation for step in steps)
    assert all(1 <= len(batch) <= batch_rows for step in steps for batch in step)
    if packed:
        assert all(sum(lengths[row] - 1 for row in line) <= 320 for line in lines)
    else:
        assert all(len(line) == 1 for line in lines)
    assert len(steps) == len(plan(lengths, batch_rows, accumulation, seed + 1, epoch + 1, 320 if packed else None))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = [10 + row % 40 for row in range(64)]
    assert plan(lengths, 4, 2, seed=3, epoch=1) == plan(lengths, 4, 2, seed=3, epoch=1)
    assert plan(lengths, 4, 2, seed=3, epoch=1) != plan(lengths, 4, 2, seed=3, epoch=2)
    assert plan(lengths, 4, 2, seed=3, epoch=1) != plan(lengths, 4, 2, seed=4, epoch=1)


def test_rows_of_like_length_share_a_batch() -> None:
    lengths = [20, 200] * 8  # widths 32 and 224; 8 rows of each fill two batches of 4
    for step in plan(lengths, batch_rows=4, accumulation=1, seed=0, epoch=0):
        assert len({width(lengths[row]) for (row,) in step[0]}) == 1


def test_widths_are_multiples_of_32_without_the_last_token() -> None:
    assert [width(length) for length in (2, 33, 34, 65, 66)] == [32, 32, 64, 64, 96]


def test_a_row_predicts_each_target_from_the_token_before() -> None:
    row = Row(np.array([5, 6, 7, 8], np.int32), first=2)  # prompt 5 6, answer 7 8
    laid = arrays([[row]], count=2)
    assert {array.shape for array in vars(laid).values()} == {(2, 32)}
    assert laid.inputs[0, :4].tolist() == [5, 6, 7, 0]
    assert laid.nexts[0, :4].tolist() == [6, 7, 8, 0]
    assert laid.weights[0, :4].tolist() == [0, 1, 1, 0]  # 6 is prompt; nothing follows 8
    assert laid.weights.sum() == row.targets == 2


def test_packed_rows_lie_end_to_end_and_count_their_positions_from_zero() -> None:
    rows = [Row(np.array(ids, np.int32), first=1) for ids in ([1, 2, 3], [4, 5, 6, 7])]
    laid = arrays([rows[::-1]], count=1, wide=64)
    assert laid.inputs.shape == (1, 64)
    assert laid.inputs[0, :6].tolist() == [4, 5, 6, 1, 2, 0]
    assert laid.nexts[0, :6].tolist() == [5, 6, 7, 2, 3, 0]
    assert laid.rows[0, :6].tolist() == [0, 0, 0, 1, 1, -1]
    assert laid.positions[0, :6].tolist() == [0, 1, 2, 0, 1, 0]
    assert laid.weights.sum() == sum(row.targets for row in rows) == 5


def test_packed_lines_are_another_mix_in_each_epoch() -> None:
    lengths = [10 + row % 40 for row in range(64)]
    first, second = (plan(lengths, 4, 2, seed=0, epoch=epoch, packed=64) for epoch in (0, 1))
    assert first == plan(lengths, 4, 2, seed=0, epoch=0, packed=64)
    assert {line for step in first for batch in step for line in batch} != {
        line for step in second for batch in step for line in batch
    }
