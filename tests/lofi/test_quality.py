"""The score loses what each fault takes away, between where it begins to count and where it counts in full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.lofi.quality import penalties, score

GOOD = {"clipping": 0.0, "bandwidth_hz": 20_000, "silence": 0.0, "crest_db": 14.0, "peak_dbfs": -3.0, "errors": 0}


def taken(faults: tuple[str, ...] = (), **changes: float) -> dict[str, float]:
    found = penalties(**(GOOD | changes), faults=list(faults))  # type: ignore[arg-type]
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"clipping": 1e-5}, {}),
        ({"clipping": 1e-4}, {"clipping": 15.0}),  # half way from 1e-5 to 1e-3 by powers
        ({"clipping": 0.5}, {"clipping": 30.0}),
        ({"bandwidth_hz": 11_500}, {"bandwidth": 12.5}),
        ({"bandwidth_hz": 0}, {"bandwidth": 25.0}),
        ({"silence": 0.275}, {"silence": 10.0}),
        ({"crest_db": 6.0}, {"crest": 5.0}),
        ({"peak_dbfs": -35.0}, {"level": 5.0}),
        ({"peak_dbfs": -90.0}, {"level": 10.0}),
        ({"errors": 1}, {"errors": 10.0}),
    ],
)
def test_each_fault_takes_its_share(change: dict[str, float], expected: dict[str, float]) -> None:
    assert taken((), **change) == pytest.approx(expected)


def test_a_dead_channel_and_antiphase_count_once_and_an_offset_besides() -> None:
    assert taken(("dead_channel", "antiphase", "dc_offset")) == {"channels": 10.0, "dc": 5.0}


@given(st.floats(0, 1), st.floats(0, 24_000), st.floats(0, 1), st.floats(0, 40), st.floats(-120, 0), st.integers(0, 9))
def test_a_score_is_from_0_to_100(
    clipping: float, bandwidth: float, silence: float, crest: float, peak: float, errors: int
) -> None:
    found = penalties(clipping, bandwidth, silence, crest, peak, ["antiphase", "dc_offset"], errors)
    assert 0 <= score(found) <= 85
