"""The graph itself, run by DVC on a small copy: what runs again after a change, and what doesn't."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

DATA = ["midi_collect", "midi_curate", "midi_prepare@general", "midi_prepare@gospel"]
PROSE = ["prose_curate", "prose_rewrite", "prose_prepare", "prose_primer"]

# A handful of scores and a few training steps: the same code in seconds.
SMALL = {
    "midi.collect.genres.fiddle.count": 12,
    "midi.collect.genres.chorale.count": 12,
    "midi.collect.genres.classical.count": 0,
}


class Graph:
    """A copy of the repo with small params and its own cache and scratch."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
            shutil.copy(ROOT / name, root / name)
        shutil.copytree(ROOT / "stages", root / "stages", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("midi/raw", "prose/raw", "prose/answers", "documents/raw"):
            shutil.copytree(ROOT / "data" / name, root / "data" / name)
        self.run("git", "init", "-q")
        self.dvc("init", "-q")

    def shrink(self) -> "Graph":
        """The same graph over a handful of scores, nothing of it run yet."""
        (self.root / "dvc.lock").unlink()
        for key, value in SMALL.items():
            self.change(key, value)
        return self

    def run(self, *command: str, **environment: str) -> str:
        # stages call `python`: let it be the one that runs the tests
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        scratch = {"REFRAIN_SCRATCH": str(self.root / ".scratch"), "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(
            command,
            cwd=self.root,
            env=os.environ | {"PATH": path} | scratch | environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def dvc(self, *arguments: str, **environment: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, **environment)

    def repro(self, *targets: str, **environment: str) -> list[str]:
        """The stages that ran, in order."""
        return re.findall(r"Running stage '(.+)'", self.dvc("repro", *targets, **environment))

    def change(self, key: str, value: object) -> None:
        yaml = YAML()
        params = yaml.load(self.root / "params.yaml")
        *parents, last = key.split(".")
        section = params
        for parent in parents:
            section = section[parent]
        assert last in section, f"params.yaml has no {key}"
        section[last] = value
        yaml.dump(params, self.root / "params.yaml")

    def hashes(self, *stages: str) -> dict[str, str]:
        """Every out of `stages` with the hash that dvc.lock gives it."""
        lock = YAML(typ="safe").load(self.root / "dvc.lock")["stages"]
        return {out["path"]: out["md5"] for stage in stages for out in lock[stage]["outs"]}

    def changed_params(self) -> set[str]:
        """The stages whose own params are not those of dvc.lock; needs no data."""
        status = json.loads(self.dvc("status", "--json"))
        changes = [(stage, change) for stage, found in status.items() for change in found if isinstance(change, dict)]
        return {stage for stage, change in changes if "params.yaml" in change.get("changed deps", {})}


@pytest.fixture
def shipped(tmp_path: Path) -> Graph:
    return Graph(tmp_path)


@pytest.fixture
def graph(shipped: Graph) -> Graph:
    return shipped.shrink()


@pytest.fixture
def edit(graph: Graph) -> Callable[[str, str], None]:
    def append(file: str, text: str) -> None:
        path = graph.root / file
        path.write_text(path.read_text() + text)

    return append


def test_another_transposition_reruns_prepare_and_nothing_before(graph: Graph) -> None:
    assert sorted(graph.repro(*DATA)) == sorted(DATA)
    graph.change("midi.prepare.transpositions", [0])
    assert sorted(graph.repro(*DATA)) == sorted(DATA[2:])


def test_outputs_of_the_same_bytes_stop_the_cascade(graph: Graph, edit: Callable[[str, str], None]) -> None:
    graph.repro(*DATA)
    edit("stages/midi/curate.py", "\n# a comment changes the code and nothing else\n")
    assert graph.repro(*DATA) == ["midi_curate"]


def test_one_worker_and_two_give_the_same_hashes_for_every_data_stage(graph: Graph) -> None:
    graph.repro(*DATA, REFRAIN_WORKERS="1", REFRAIN_SCRATCH=str(graph.root / ".first"))
    first = graph.hashes(*DATA)
    ran = graph.repro("--force", *DATA, REFRAIN_WORKERS="2", REFRAIN_SCRATCH=str(graph.root / ".second"))
    assert sorted(ran) == sorted(DATA)
    assert graph.hashes(*DATA) == first


def test_another_noise_rewrites_nothing_and_one_worker_gives_the_hashes_of_two(graph: Graph) -> None:
    assert graph.repro(*PROSE, REFRAIN_WORKERS="1", REFRAIN_SCRATCH=str(graph.root / ".first")) == PROSE
    first = graph.hashes(*PROSE)
    ran = graph.repro("--force", *PROSE, REFRAIN_WORKERS="2", REFRAIN_SCRATCH=str(graph.root / ".second"))
    assert ran == PROSE
    assert graph.hashes(*PROSE) == first
    graph.change("prose.prepare.persona.noise.rate", 0.1)
    assert graph.repro(*PROSE) == PROSE[2:]


def test_one_changed_evaluation_param_reruns_one_stage_per_adapter(shipped: Graph) -> None:
    before = shipped.changed_params()  # none in a clean checkout; what its owner is about to run in another
    shipped.change("midi.evaluate.temperature", 0.5)
    evaluations = {"midi_evaluate@midi_general", "midi_evaluate@midi_gospel"}
    assert shipped.changed_params() == before | evaluations
    # and nothing reads what they write
    written = {out for stage in evaluations for out in shipped.hashes(stage)}
    lock = YAML(typ="safe").load(shipped.root / "dvc.lock")["stages"]
    assert not written & {dep["path"] for stage in lock.values() for dep in stage["deps"]}


def test_a_changed_adapter_param_trains_that_adapter_alone(shipped: Graph) -> None:
    before = shipped.changed_params()
    shipped.change("train.midi_gospel.rank", 8)
    assert shipped.changed_params() == before | {"train@midi_gospel"}


def test_the_answers_to_replay_are_the_users_and_rewriting_depends_on_them(shipped: Graph) -> None:
    lock = YAML(typ="safe").load(shipped.root / "dvc.lock")["stages"]
    assert "data/prose/answers" in {dep["path"] for dep in lock["prose_rewrite"]["deps"]}
    assert not any(out["path"].startswith("data/prose/answers") for stage in lock.values() for out in stage["outs"])
