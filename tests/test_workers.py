import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from stages.run import StageError
from stages.workers import ENGINES, map_items
from tests.conftest import ROOT


def square(number: int) -> int:
    return number * number


def process(number: int) -> int:
    return os.getpid()


def scratch(number: int) -> str | None:
    return os.environ.get("REFRAIN_SCRATCH")


def refused(number: int) -> int:
    if number == 5:
        raise ValueError(f"item {number}")
    return number


@pytest.fixture(params=["sequential", "loky"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("REFRAIN_ENGINE", request.param)
    monkeypatch.setenv("REFRAIN_WORKERS", "2")
    return str(request.param)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_results_come_in_the_order_of_the_items(engine: str, count: int) -> None:
    assert map_items(square, list(range(count)), "square") == [number * number for number in range(count)]


def test_the_first_exception_is_raised_here(engine: str) -> None:
    with pytest.raises(ValueError, match="item 5"):
        map_items(refused, list(range(20)), "refuse")


def test_loky_uses_other_processes_and_sequential_this_one(engine: str) -> None:
    assert (os.getpid() in map_items(process, list(range(20)), "process")) == (engine == "sequential")


@pytest.mark.parametrize("place", ["one", "two", None])
def test_processes_that_are_used_again_have_the_scratch_of_now(
    engine: str, place: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_items(scratch, list(range(20)), "scratch")  # the processes start
    if place:
        monkeypatch.setenv("REFRAIN_SCRATCH", place)
    else:
        monkeypatch.delenv("REFRAIN_SCRATCH")
    assert set(map_items(scratch, list(range(20)), "scratch")) == {place}


def test_one_worker_or_few_items_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_ENGINE", "loky")
    monkeypatch.setenv("REFRAIN_WORKERS", "1")
    assert set(map_items(process, list(range(20)), "process")) == {os.getpid()}
    monkeypatch.setenv("REFRAIN_WORKERS", "2")
    assert set(map_items(process, list(range(7)), "process")) == {os.getpid()}


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("REFRAIN_ENGINE", "threads", "REFRAIN_ENGINE is 'threads', expected one of sequential, loky, dask, ray"),
        ("REFRAIN_WORKERS", "0", "REFRAIN_WORKERS is '0', expected a whole number of at least 1"),
        ("REFRAIN_WORKERS", "-1", "REFRAIN_WORKERS is '-1', expected a whole number of at least 1"),
        ("REFRAIN_WORKERS", "two", "REFRAIN_WORKERS is 'two', expected a whole number of at least 1"),
    ],
)
def test_a_wrong_variable_is_one_line(variable: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_ENGINE", "loky")
    monkeypatch.setenv(variable, value)
    with pytest.raises(StageError) as caught:
        map_items(square, [1], "square")
    assert str(caught.value) == line


@pytest.mark.parametrize(("engine", "missing"), [("dask", "dask.distributed"), ("ray", "ray")])
def test_an_engine_that_is_not_installed_is_one_line_that_says_what_to_install(
    engine: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # how Python itself notes that there is no such package
    monkeypatch.setenv("REFRAIN_ENGINE", engine)
    line = f"REFRAIN_ENGINE is '{engine}', but {missing} is not installed; run `pip install '.[engines]'`"
    with pytest.raises(StageError) as caught:
        map_items(square, [1], "square")
    assert str(caught.value) == line


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_cluster_gives_the_same_results_and_the_same_exception(engine: str, tmp_path: Path) -> None:
    if find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed; `pip install '.[engines]'` brings it")
    script = (
        tmp_path / "script.py"
    )  # a cluster's processes import what they run, so it can't be a function of this test
    script.write_text("""
from stages.workers import map_items

def square(number):
    if number == 99:
        raise ValueError("item 99")
    return number * number

if __name__ == "__main__":
    print(map_items(square, list(range(12)), "square"))
    try:
        map_items(square, [1, 99], "square")
    except ValueError as error:
        print(error)
""")
    environment = os.environ | {"REFRAIN_ENGINE": engine, "REFRAIN_WORKERS": "2", "PYTHONPATH": str(ROOT)}
    environment |= {"HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str([number * number for number in range(12)]), "item 99"], done.stderr


def test_every_engine_is_named_in_the_module_text() -> None:
    import stages.workers

    assert all(engine in str(stages.workers.__doc__) for engine in ENGINES)
