"""dvc.yaml tells the truth: deps are what the code imports and reads, outs what it writes, params what it is given."""

import ast
import shlex
import subprocess
from functools import cache

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.conftest import ROOT

# Plumbing that decides no output. With it among the deps, one comment in it would make every stage stale.
EXEMPT = {
    "stages/__init__.py",
    "stages/run.py",
    "stages/params.py",
    "stages/progress.py",
    "stages/workers.py",
    "stages/lora/memory.py",  # says what a training will take
}


@cache
def imports(file: str) -> frozenset[str]:
    """The local modules that `file` imports, directly or through others, itself included."""
    found = {file}
    waiting = [file]
    while waiting:
        for node in ast.walk(ast.parse((ROOT / waiting.pop()).read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                # `from stages.midi import tokens` names a module, `from stages.midi.tokens import encode` lies in one
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            files = {name.replace(".", "/") + ".py" for name in names if name.split(".")[0] == "stages"}
            new = {name for name in files if (ROOT / name).is_file()} - found
            found |= new
            waiting += sorted(new)
    return frozenset(found)


class Stage:
    """What dvc.yaml says of one stage, templates filled in."""

    def __init__(self, stage: object) -> None:
        self.name = stage.addressing  # type: ignore[attr-defined]
        words = shlex.split(stage.cmd)  # type: ignore[attr-defined]
        assert words[:2] == ["python", "-m"]
        self.module = words[2].replace(".", "/") + ".py"
        self.options = {word: words[at + 1] for at, word in enumerate(words) if word.startswith("--")}
        self.paths = [word for word in words[3:] if not word.startswith("--") and word not in self.options.values()]
        deps = stage.deps  # type: ignore[attr-defined]
        self.params = {key for dep in deps if isinstance(dep, ParamsDependency) for key in dep.params}
        self.deps = {dep.def_path for dep in deps if not isinstance(dep, ParamsDependency)}
        self.outs = {out.def_path for out in stage.outs}  # type: ignore[attr-defined]
        self.metrics = {out.def_path for out in stage.outs if out.metric}  # type: ignore[attr-defined]
        self.flags = [(out.persist, out.can_push) for out in stage.outs]  # type: ignore[attr-defined]
        self.uncached = {out.def_path for out in stage.outs if not out.use_cache}  # type: ignore[attr-defined]
        self.plots = {out.def_path for out in stage.outs if out.plot}  # type: ignore[attr-defined]


# What is drawn of the last run but is no out of it: another run has other timings, so they would never be the same.
TIMINGS = {
    path for plot in YAML(typ="safe").load(ROOT / "dvc.yaml")["plots"] for path in plot.get("speed", {}).get("y", {})
}

STAGES = [Stage(stage) for stage in Repo(str(ROOT)).index.stages]


@pytest.fixture(params=STAGES, ids=lambda stage: stage.name)
def stage(request: pytest.FixtureRequest) -> Stage:
    found: Stage = request.param
    return found


def test_code_among_the_deps_is_what_the_stage_imports(stage: Stage) -> None:
    code = {path for path in stage.deps if path.startswith("stages/")}
    closure = {path for path in imports(stage.module) if not path.endswith("__init__.py")} - EXEMPT
    assert sorted(code) == sorted(closure)


def test_every_path_of_the_command_is_a_dep_or_an_out(stage: Stage) -> None:
    declared = {path for path in stage.deps if not path.startswith("stages/")} | (stage.outs - stage.metrics)
    assert sorted(set(stage.paths) - TIMINGS) == sorted(declared)


def test_timings_are_plots_that_no_stage_reads_and_git_does_not_keep() -> None:
    assert not TIMINGS & {path for stage in STAGES for path in stage.deps | stage.outs}
    given = {path for stage in STAGES for path in stage.paths if path.endswith("speed.csv")}
    assert given == TIMINGS
    ignored = subprocess.run(["git", "check-ignore", *sorted(TIMINGS)], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == sorted(TIMINGS)


def test_the_params_section_and_metrics_file_are_those_of_the_command(stage: Stage) -> None:
    assert stage.params == {stage.options["--params"]}
    assert stage.metrics == {stage.options["--metrics"]}


def test_outs_are_cached_and_shared_and_only_metrics_and_plots_are_in_git(stage: Stage) -> None:
    assert set(stage.flags) == {(False, True)}
    assert stage.uncached == stage.metrics | stage.plots


def test_user_data_is_never_an_out() -> None:
    assert not [path for stage in STAGES for path in stage.outs if "/raw" in path]


def test_every_module_belongs_to_a_stage_or_a_command() -> None:
    commands = {
        str(path.relative_to(ROOT)) for path in (ROOT / "stages").rglob("*.py") if "__main__" in path.read_text()
    }
    used = set().union(*(imports(command) for command in commands))
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "stages").rglob("*.py") if path.name != "__init__.py"}
    assert sorted(modules - used) == []
