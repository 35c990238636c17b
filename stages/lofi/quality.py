"""How good a recording is, from 0 to 100, and what each fault takes away: a proposal, not calibrated by ears."""

import math
from collections.abc import Mapping

# What a fault takes away at most, where it begins to count and where it counts in full.
CLIPPING = (30, -5.0, -3.0)  # log10 of the share of samples
BANDWIDTH = (25, 16_000.0, 7_000.0)  # Hz
SILENCE = (20, 0.05, 0.5)  # share of frames
CREST = (10, 8.0, 4.0)  # dB: under 8 a track is squashed
LEVEL = (10, -25.0, -45.0)  # dBFS of the peak, in the file
CHANNELS = {"dead_channel": 10, "antiphase": 10, "dc_offset": 5}
ERRORS = 10  # of the decoder


def penalties(
    clipping: float,
    bandwidth_hz: float,
    silence: float,
    crest_db: float,
    peak_dbfs: float,
    faults: list[str],
    errors: int,
) -> Mapping[str, float]:
    """What each kind of fault takes away; dead channel and antiphase count once, as channels."""
    channels = max([CHANNELS[fault] for fault in faults if fault != "dc_offset"], default=0)
    return {
        "clipping": _share(math.log10(clipping) if clipping > 0 else -math.inf, CLIPPING),
        "bandwidth": _share(bandwidth_hz, BANDWIDTH),
        "silence": _share(silence, SILENCE),
        "crest": _share(crest_db, CREST),
        "channels": float(channels),
        "level": _share(peak_dbfs, LEVEL),
        "errors": float(ERRORS if errors else 0),
        "dc": float(CHANNELS["dc_offset"] if "dc_offset" in faults else 0),
    }


def score(taken: Mapping[str, float]) -> float:
    """100 less what was taken away."""
    return round(max(100 - sum(taken.values()), 0.0), 1)


def _share(value: float, scale: tuple[int, float, float]) -> float:
    """How much of the most is taken away for `value`."""
    most, begins, full = scale
    return round(most * min(max((value - begins) / (full - begins), 0.0), 1.0), 2)
