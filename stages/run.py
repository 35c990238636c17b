"""Make `stage(paths, params) -> metrics` a command: python -m stages.x PATHS... --params SECTION --metrics FILE."""

import argparse
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_type_hints

from stages.files import write_json
from stages.params import Params, ParamsError, load

Metrics = Mapping[str, object]


class StageError(Exception):
    """A set-up that nobody can continue from. One line: what, the value, what was expected, what to do."""


def run(stage: Callable[..., Metrics], argv: list[str] | None = None) -> int:
    """Exit status of `stage`, called with the paths and the params section that the command line names.

    Parameters of `stage` annotated `Path` become positional arguments in their order, the one annotated with a
    `Params` class is read from `--params SECTION` of `--params-file`. The metrics go to `--metrics` as JSON.
    Wrong params, a `StageError`, or a file that can't be read or written, is one line on standard error and status 1.
    """
    hints = get_type_hints(stage)
    paths = [name for name in inspect.signature(stage).parameters if hints[name] is Path]
    sections = [name for name, hint in hints.items() if inspect.isclass(hint) and issubclass(hint, Params)]

    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[stage.__module__]))
    for name in paths:
        parser.add_argument(name, type=Path)
    for name in sections:
        parser.add_argument(f"--{name}", metavar="SECTION", required=True, help="dotted section of the params file")
    parser.add_argument("--params-file", type=Path, default=Path("params.yaml"))
    parser.add_argument("--metrics", type=Path, help="where the metrics go, as JSON")
    options = vars(parser.parse_args(argv))

    try:
        arguments = {name: options[name] for name in paths}
        arguments |= {name: load(options["params_file"], options[name], hints[name]) for name in sections}
        metrics = stage(**arguments)
        if options["metrics"]:
            write_json(options["metrics"], metrics)
    except (ParamsError, StageError, OSError) as error:
        print(f"{stage.__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0
