import pytest

from stages.lora.guard import FEWEST, FLOOR, LASTS, RecoverParams, Trouble, trouble

PARAMS = RecoverParams(loss_ratio=3.0, rate=0.5, times=2)


def test_three_losses_beyond_the_ratio_of_the_running_median_are_a_leap() -> None:
    before = [1.0] * 9 + [9.0, 3.2]  # the median is 1, the mean is not
    assert trouble(3.0, 1.0, before, PARAMS) is None
    found = trouble(3.1, 1.0, before, PARAMS)
    assert found is not None
    assert found.reason == "the loss is 3.1, 3.1 times its running median of 1, and has been as high for 3 steps"
    assert found.steps == LASTS == 3


def test_an_odd_row_is_no_leap() -> None:
    # its step would have the same loss again, at whatever rate
    assert trouble(50.0, 1.0, [1.0] * 20, PARAMS) is None
    assert trouble(1.0, 1.0, [1.0] * 20 + [50.0, 50.0], PARAMS) is None


def test_the_first_steps_and_the_last_hundredths_of_a_nat_may_leap() -> None:
    assert trouble(100.0, 1.0, [100.0] * (FEWEST - 1), PARAMS) is None
    assert trouble(0.9 * 3 * FLOOR, 1.0, [*[0.001] * FEWEST, 0.25, 0.25], PARAMS) is None


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_trouble_at_any_step(number: float) -> None:
    assert trouble(number, 1.0, [], PARAMS) == Trouble(f"the loss is {number:g}")
    assert trouble(1.0, number, [], PARAMS) == Trouble(f"the gradient norm is {number:g}")
