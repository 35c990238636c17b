"""One map over items, on the engine that the environment names; the results are the same on each.

REFRAIN_ENGINE is sequential, loky (the default: processes), dask or ray; REFRAIN_WORKERS is the number of processes,
by default one per core.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from stages.run import StageError

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINES = ("sequential", "loky", "dask", "ray")


def map_items(function: Callable[[Item], Result], items: Sequence[Item], label: str) -> list[Result]:
    """`function` of each item, in the order of `items`, with a progress bar named `label` on standard error.

    `function` and the items must pickle. The first exception ends the map and is raised here.
    """
    from tqdm import tqdm

    bar = tqdm(total=len(items), desc=label, unit="item", file=sys.stderr, disable=None, leave=False)
    with bar, ExitStack() as context:
        return [result for result in _results(function, items, context) if bar.update() or True]


def _results(function: Callable[[Item], Result], items: Sequence[Item], context: ExitStack) -> Iterable[Result]:
    engine = os.environ.get("REFRAIN_ENGINE", "loky")
    if engine not in ENGINES:
        raise StageError(f"REFRAIN_ENGINE is {engine!r}, expected one of {', '.join(ENGINES)}")
    count = _worker_count()
    # A process pool takes longer to start than a handful of items takes to do.
    if engine == "sequential" or (engine == "loky" and (count == 1 or len(items) < 8)):
        return map(function, items)

    import joblib

    if engine == "dask":
        from dask.distributed import Client

        context.enter_context(Client(n_workers=count, threads_per_worker=1, dashboard_address=None))
    elif engine == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    context.enter_context(joblib.parallel_config(backend=engine, n_jobs=count))
    results: Iterable[Result] = joblib.Parallel(return_as="generator")(joblib.delayed(function)(item) for item in items)
    return results


def _worker_count() -> int:
    text = os.environ.get("REFRAIN_WORKERS", str(os.cpu_count() or 1))
    if not text.isdecimal() or int(text) < 1:
        raise StageError(f"REFRAIN_WORKERS is {text!r}, expected a whole number of at least 1")
    return int(text)
