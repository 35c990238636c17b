"""One thread for every BLAS, scratch of the run's own, and real scores and stories where they are at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Set before any test imports numpy or mlx: a thread pool per xdist worker would fight over the cores.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


@pytest.fixture(autouse=True, scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that starts empty and goes with the run."""
    path = tmp_path_factory.mktemp("scratch")
    os.environ["REFRAIN_SCRATCH"] = str(path)
    return path


@pytest.fixture(scope="session")
def hymns() -> Path:
    """A folder of real four-part hymns as MIDI files; it isn't part of the repo."""
    path = Path(os.environ.get("REFRAIN_HYMNS") or ROOT.parent / "shared" / "data" / "hymns")
    if not path.is_dir():
        pytest.skip(f"no hymns at {path}: name a folder of MIDI files in REFRAIN_HYMNS to run this test on them")
    return path


@pytest.fixture(scope="session")
def lovecraft() -> Path:
    """A folder of Lovecraft's stories as text files; it isn't part of the repo."""
    path = Path(os.environ.get("REFRAIN_STORIES") or ROOT.parent / "shared" / "data" / "prose" / "lovecraft" / "works")
    if not path.is_dir():
        pytest.skip(f"no stories at {path}: name a folder of text files in REFRAIN_STORIES to run this test on them")
    return path
