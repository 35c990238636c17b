"""One map over items, on the engine that the environment names; the results are the same on each.

REFRAIN_ENGINE is sequential, loky (the default: processes), dask or ray; REFRAIN_WORKERS is the number of processes,
by default one per core that this process may use.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from stages.run import StageError

Item = TypeVar("Item")
Result = TypeVar("Result")

SCRATCH = "REFRAIN_SCRATCH"  # where stores lie, see store.py
ENGINES = ("sequential", "loky", "dask", "ray")


def map_items(function: Callable[[Item], Result], items: Sequence[Item], label: str, least: int = 8) -> list[Result]:
    """`function` of each item, in the order of `items`, with a progress bar named `label` on standard error.

    Fewer than `least` items are done in this process by loky, for starting others takes longer. `function` and the
    items must pickle. The first exception ends the map and is raised here.
    """
    from tqdm import tqdm

    bar = tqdm(total=len(items), desc=label, unit="item", file=sys.stderr, disable=None, leave=False)
    with bar, ExitStack() as context:
        return [result for result in _results(function, items, least, context) if bar.update() or True]


def _results(
    function: Callable[[Item], Result], items: Sequence[Item], least: int, context: ExitStack
) -> Iterable[Result]:
    """The results as they come, in order; `context` closes what the engine opened."""
    engine = os.environ.get("REFRAIN_ENGINE") or "loky"
    if engine not in ENGINES:
        raise StageError(f"REFRAIN_ENGINE is {engine!r}, expected one of {', '.join(ENGINES)}")
    count = _worker_count()
    if engine == "sequential" or (engine == "loky" and (count == 1 or len(items) < least)):
        return map(function, items)

    import joblib

    if engine in CLUSTERS:
        try:
            context.enter_context(CLUSTERS[engine](count))
        except ImportError as error:
            raise StageError(
                f"REFRAIN_ENGINE is {engine!r}, but {error.name} is not installed; run `pip install '.[engines]'`"
            ) from error
    context.enter_context(joblib.parallel_config(backend=engine, n_jobs=count))
    # joblib's ray backend hands over nothing before all is done
    parallel = joblib.Parallel(return_as="list" if engine == "ray" else "generator")
    scratch = os.environ.get(SCRATCH)
    results: Iterable[Result] = parallel(joblib.delayed(_there)(function, scratch, item) for item in items)
    return results


def _there(function: Callable[[Item], Result], scratch: str | None, item: Item) -> Result:
    """`function` of `item` with our scratch: a process that is used again has the environment of its first time."""
    if scratch is None:
        os.environ.pop(SCRATCH, None)
    else:
        os.environ[SCRATCH] = scratch
    return function(item)


@contextmanager
def _dask(count: int) -> Iterator[None]:
    """A dask cluster of `count` processes on this machine."""
    from dask.distributed import Client

    with Client(n_workers=count, threads_per_worker=1, dashboard_address=None):
        yield


@contextmanager
def _ray(count: int) -> Iterator[None]:
    """A ray cluster of `count` processes on this machine, which stays for the next map; ray stops it at exit."""
    import ray
    from ray.util.joblib import register_ray

    if not ray.is_initialized():
        ray.init(num_cpus=count, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    register_ray()
    yield


CLUSTERS = {"dask": _dask, "ray": _ray}


def _worker_count() -> int:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    text = os.environ.get("REFRAIN_WORKERS") or str(cores or 1)
    if not text.isdecimal() or int(text) < 1:
        raise StageError(f"REFRAIN_WORKERS is {text!r}, expected a whole number of at least 1")
    return int(text)
