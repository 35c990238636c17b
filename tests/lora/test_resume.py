"""Training that is ended at any moment ends, run again, with the bytes of training that never was.

REFRAIN_KILLS is how many times it is killed here; `make soak` sets 200.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.files import write_jsonl
from stages.lora import blas, chatml

blas.load()
from stages.lora import checkpoints, loop  # noqa: E402  the BLAS comes first
from stages.lora.engine import Engine  # noqa: E402
from stages.lora.rows import Row  # noqa: E402
from stages.run import StageError, Stopped  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.lora import tiny  # noqa: E402
from tests.lora.test_loop import Network, counting_rows, params, weights  # noqa: E402
from tests.lora.test_train import PARAMS  # noqa: E402

KILLS = int(os.environ.get("REFRAIN_KILLS", "12"))
KILLS_A_TRAINING = 4
# Everything that a step may depend on: dropout, warm-up, a schedule, accumulation, clipping, decay, several epochs.
SETTINGS = PARAMS | {
    "epochs": 8.0,
    "dropout": 0.2,
    "clip": 0.5,
    "weight_decay": 0.1,
    "evaluate_every": 3,
    "save_every": 5,
    "publish": "best",
}
OUTS = ("adapter/adapters.safetensors", "adapter/metadata.json", "loss.csv", "loss.png", "metrics.json")


class Training:
    """A base, a dataset and params for the train stage as a command of its own."""

    def __init__(self, folder: Path, **changed: Any) -> None:
        self.folder = folder
        tiny.model_folder(folder / "base")
        names = [word for word in tiny.WORDS if word.startswith("N")]
        texts = [chatml.document("", "X", " " + " ".join(names[n : n + n % 7 + 3])) for n in range(0, 48, 2)]
        write_jsonl(folder / "dataset" / "train.jsonl", [{"text": text} for text in texts[:20]])
        write_jsonl(folder / "dataset" / "valid.jsonl", [{"text": text} for text in texts[20:]])
        YAML().dump({"train": SETTINGS | changed}, folder / "params.yaml")

    def start(self, out: str, scratch: str, **environment: str) -> "subprocess.Popen[str]":
        """The stage, writing to the folder `out`."""
        made = [f"{out}/author/{name}" for name in ("adapter", "loss.csv", "loss.png", "speed.csv")]
        command = [sys.executable, "-m", "stages.lora.train", "base", "dataset", *made, "--params", "train"]
        kept = {"REFRAIN_SCRATCH": str(self.folder / scratch), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [*command, "--metrics", f"{out}/author/metrics.json"],
            cwd=self.folder,
            env=os.environ | kept | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, out: str, scratch: str, **environment: str) -> str:
        """Run the stage to its end; what it said on standard error."""
        process = self.start(out, scratch, **environment)
        _, said = process.communicate()
        assert process.returncode == 0, said
        return said

    def bytes(self, out: str) -> dict[str, bytes]:
        return {name: (self.folder / out / "author" / name).read_bytes() for name in OUTS}


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return Training(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def straight(training: Training) -> dict[str, bytes]:
    """What training gives that nobody disturbs."""
    training.finish("straight", "straight.scratch")
    return training.bytes("straight")


def test_training_that_is_killed_at_random_moments_ends_with_the_same_bytes(
    training: Training, straight: dict[str, bytes]
) -> None:
    rng = random.Random(KILLS)
    kills = 0
    for number in range(-(-KILLS // KILLS_A_TRAINING)):
        scratch = f"killed.scratch.{number}"
        reached = 0  # the newest step that was reported, and so trained
        for at in sorted(rng.sample(range(6, 39), KILLS_A_TRAINING)):
            with training.start("killed", scratch, REFRAIN_PROGRESS="json") as process:
                assert process.stdout
                assert process.stderr
                begun = 0
                for line in process.stdout:
                    step = json.loads(line).get("step", 0)
                    begun = begun or step
                    reached = max(reached, step)
                    if step >= at:
                        break
                try:  # between two steps, or in one, or while a checkpoint is written
                    process.wait(timeout=rng.uniform(0, 0.03))
                except subprocess.TimeoutExpired:
                    process.kill()
                    kills += 1
                said = process.stderr.read()
            # at most the steps since the last checkpoint are done again, and only the first run starts at the first
            assert ("going on after step" in said) == (begun > 1)
        assert "going on after step" in training.finish("killed", scratch)
        assert training.bytes("killed") == straight
    assert kills >= 0.9 * KILLS  # the others were through by then


def test_training_that_is_killed_while_it_saves_ends_with_the_same_bytes(
    training: Training, straight: dict[str, bytes]
) -> None:
    begins = []
    for step in (5, 10, 30):  # a checkpoint is written as soon as this step is reported
        with training.start("saving", "saving.scratch", REFRAIN_PROGRESS="json") as process:
            assert process.stdout
            begun = 0
            for line in process.stdout:
                found = json.loads(line).get("step", 0)
                begun = begun or found
                if found == step:
                    process.kill()
                    break
        begins.append(begun)
    assert begins[0] == 1
    assert begins[2] > 1
    assert "going on after step" in training.finish("saving", "saving.scratch")
    assert training.bytes("saving") == straight


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_leaves_a_checkpoint_of_the_very_step(
    training: Training, straight: dict[str, bytes], name: str, status: int
) -> None:
    last = 0
    with training.start(name, f"{name}.scratch", REFRAIN_PROGRESS="json") as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            found = json.loads(line)
            if found["type"] == "progress":
                last = found["step"]
                if last == 7:  # between two checkpoints
                    process.send_signal(getattr(signal, name))
            if found["type"] == "error":
                assert found["error"] == f"stopped after step {last} of 40; run it again to go on from there"
        said = process.stderr.read().splitlines()
    assert process.returncode == status
    assert said[-1] == f"train: stopped after step {last} of 40; run it again to go on from there"
    assert f"going on after step {last} of 40" in training.finish(name, f"{name}.scratch")
    assert training.bytes(name) == straight


def test_programs_get_one_object_a_line_and_people_nothing_there(
    training: Training, straight: dict[str, bytes]
) -> None:
    process = training.start("json", "json.scratch", REFRAIN_PROGRESS="json")
    out, _ = process.communicate()
    lines = [json.loads(line) for line in out.splitlines()]
    steps = [line for line in lines if line["type"] == "progress"]
    assert [line["step"] for line in steps] == list(range(1, 41))
    assert steps[19].keys() == {"type", "step", "total_steps", "loss", "progress"}
    assert (steps[19]["total_steps"], steps[19]["progress"]) == (40, 50)
    assert sum(line["type"] == "validation" for line in lines) == 14  # every 3 steps, and the last
    assert lines[-1] == {"type": "complete", "adapter_path": "json/author/adapter"}
    process = training.start("plain", "json.scratch")
    assert process.communicate()[0] == ""


def test_two_runs_of_one_training_at_once_give_the_same_bytes(training: Training, straight: dict[str, bytes]) -> None:
    both = [training.start(out, "both.scratch") for out in ("one", "two")]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert training.bytes("one") == training.bytes("two") == straight


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path))
    monkeypatch.setenv("REFRAIN_RESUME", "auto")
    return tmp_path / "checkpoints"


def fit(**changed: Any) -> tuple[loop.Fitted, Any]:
    model = Network(dropout=0.2)
    return loop.fit(model, counting_rows(30), counting_rows(5, seed=1), params(**{"save_every": 4} | changed)), model


def steps_on_disk(kept: Path) -> list[int]:
    return sorted(int(path.name[:8]) for path in kept.rglob("*.safetensors"))


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give training the signal of a user after a step of one's choice."""

    class Chosen:
        step: int
        seen: list[int]

    real = Engine.step

    def step(engine: Engine, number: int, *given: Any) -> Any:
        Chosen.seen.append(number)
        if number == Chosen.step:
            os.kill(os.getpid(), signal.SIGINT)
        return real(engine, number, *given)

    Chosen.step, Chosen.seen = 0, []
    monkeypatch.setattr(Engine, "step", step)
    yield Chosen


def test_what_is_trained_already_is_not_trained_again(kept: Path, stop_after: Any) -> None:
    done, model = fit()
    trained = list(stop_after.seen)
    again, other = fit()
    assert stop_after.seen == trained == list(range(1, 9))
    assert again == done
    assert weights(other) == weights(model)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_that_was_stopped_goes_on_where_it_was(kept: Path, stop_after: Any, optimizer: str) -> None:
    done, model = fit(optimizer=optimizer, seed=3)
    checkpoints_of = {path.parent for path in kept.rglob("*.safetensors")}
    for folder in checkpoints_of:
        for path in folder.iterdir():
            path.unlink()
    stop_after.step, stop_after.seen = 6, []
    with pytest.raises(Stopped, match="stopped after step 6 of 8; run it again to go on from there") as stopped:
        fit(optimizer=optimizer, seed=3)
    assert stopped.value.signum == signal.SIGINT
    stop_after.step = 0
    again, other = fit(optimizer=optimizer, seed=3)
    assert stop_after.seen == [*range(1, 7), 7, 8]
    assert again == done
    assert again.points == done.points
    assert weights(other) == weights(model)


def test_a_damaged_checkpoint_is_skipped_for_the_one_before(
    kept: Path, stop_after: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    done, model = fit()
    newest = next(kept.rglob("00000008-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    stop_after.seen = []
    again, other = fit()
    assert "checkpoint 8 is damaged and skipped" in capsys.readouterr().err
    assert stop_after.seen == [5, 6, 7, 8]
    assert (again, weights(other)) == (done, weights(model))


def test_the_newest_checkpoints_and_the_first_stay(kept: Path) -> None:
    fit(save_every=1, keep=2)
    assert steps_on_disk(kept) == [0, 6, 7, 8]  # 6 too: a leap is seen after three steps, and would go back to it


def test_another_setting_is_another_training_but_the_choice_of_checkpoint_is_not(kept: Path, stop_after: Any) -> None:
    fit()
    stop_after.seen = []
    fit(publish=4, keep=3)
    assert stop_after.seen == []
    fit(clip=0.9)
    assert stop_after.seen == list(range(1, 9))


def test_the_environment_overrides_where_training_begins(
    kept: Path, stop_after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, model = fit()
    for value, trained in (("4", [5, 6, 7, 8]), ("none", list(range(1, 9)))):
        monkeypatch.setenv("REFRAIN_RESUME", value)
        stop_after.seen = []
        again, other = fit()
        assert stop_after.seen == trained
        assert (again, weights(other)) == (done, weights(model))
    monkeypatch.setenv("REFRAIN_RESUME", "5")
    with pytest.raises(StageError, match="REFRAIN_RESUME is 5, but the checkpoints of this training are: 0, 4, 8"):
        fit()


def test_a_step_that_no_checkpoint_holds_is_computed_again(kept: Path, stop_after: Any) -> None:
    _, until_six = fit(publish=6, keep=3)  # saved on the way
    assert steps_on_disk(kept) == [0, 4, 6, 8]
    next(kept.rglob("00000006-*")).unlink()
    stop_after.seen = []
    done, model = fit(publish=6, keep=3)
    assert stop_after.seen == [5, 6]
    assert done.published == 6
    assert weights(model) == weights(until_six)


def test_the_best_checkpoint_is_published(kept: Path) -> None:
    settings = {"epochs": 12.0, "learning_rate": 0.3, "schedule": "constant", "clip": 100.0}  # it overshoots
    last, _ = fit(**settings)
    best, model = fit(**settings, publish="best")
    point = min(best.points, key=lambda point: point.valid_loss)
    assert best.points == last.points
    assert (best.published, best.valid_loss) == (point.step, point.valid_loss)
    assert best.published < last.published == best.state.step == 48
    assert loop.evaluate(model, counting_rows(5, seed=1), 4) == pytest.approx(point.valid_loss, rel=1e-6)


def test_training_ends_when_patience_does(kept: Path) -> None:
    settings = {"epochs": 12.0, "learning_rate": 0.3, "schedule": "constant", "clip": 100.0}
    whole, _ = fit(**settings)
    done, _ = fit(**settings, patience=2, publish="best")
    waited = [point.valid_loss for point in done.points]
    assert done.metrics()["stopped_early"] is True
    assert min(waited) == waited[-3]
    assert done.points == whole.points[: len(waited)]
    assert done.published == done.points[-3].step
    with pytest.raises(StageError, match=r"publish is step 48, but training ended early, after \d+"):
        fit(**settings, patience=2, publish=48)


def test_a_leap_goes_back_with_a_lower_rate_and_ends_with_the_same_bytes_when_resumed(
    kept: Path, stop_after: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {
        "epochs": 12.0,
        "learning_rate": 40.0,
        "schedule": "linear",
        "warmup": 1.0,  # the rate rises until the loss leaps
        "clip": 1e9,
        "save_every": 6,
        "recover": {"loss_ratio": 2.0, "rate": 0.01, "times": 3},
    }
    done, model = fit(**settings)
    said = capsys.readouterr().err
    assert "times its running median" in said
    assert done.state.lowered
    back = done.state.lowered[0]
    leapt = stop_after.seen[stop_after.seen.index(back + 1, stop_after.seen.index(back + 1) + 1) - 1]
    assert done.metrics()["rate_lowered"] == len(done.state.lowered)
    assert [point.step for point in done.points] == list(range(3, 49, 3))  # neither gaps nor doubles
    # stopped before the leap, between two checkpoints; and again after it
    for path in kept.rglob("*.safetensors"):
        path.unlink()
    for at in (leapt - 1, 45):
        stop_after.step = at
        with pytest.raises(Stopped):
            fit(**settings)
    stop_after.step = 0
    again, other = fit(**settings)
    assert again == done
    assert weights(other) == weights(model)


def test_after_so_many_times_training_stops_with_the_reason(kept: Path) -> None:
    settings: dict[str, Any] = {"learning_rate": 1e30, "recover": {"loss_ratio": 5.0, "rate": 0.9, "times": 2}}
    reason = r"(the loss|the gradient norm|a weight) is .* at step \d+ of 8, .* lowered 2 times; lower learning_rate"
    with pytest.raises(StageError, match=reason) as error:
        fit(**settings)
    assert "\n" not in str(error.value)
    for path in kept.rglob("*.safetensors"):  # and nothing that was kept is spoilt
        found = checkpoints.Checkpoints(path.parent).load(int(path.name[:8]))
        assert found is not None
        engine = Engine(Network(dropout=0.2), params(), 1)
        engine.set_state(found.arrays)
        assert engine.finite()


def test_an_odd_row_neither_lowers_the_rate_nor_ends_training(kept: Path) -> None:
    rng = np.random.default_rng(5)
    odd = Row(rng.integers(0, 11, 60).astype(np.int32), 1)
    clean = counting_rows(60, seed=2)
    settings: dict[str, Any] = {"batch_rows": 1, "accumulation": 1, "epochs": 4.0, "schedule": "constant"}
    done = loop.fit(Network(), [*clean, odd], clean[:5], params(**settings))
    assert min(done.state.losses) < 0.05  # so that the odd row's loss is far beyond the ratio
    assert done.metrics()["rate_lowered"] == 0


def test_a_signal_is_heeded_while_a_step_is_computed_again(kept: Path, stop_after: Any) -> None:
    fit(publish="last")
    for path in kept.rglob("00000004-*"):
        path.unlink()
    stop_after.step = 2
    with pytest.raises(Stopped, match="stopped after step 2 of 6; run it again to go on from there"):
        fit(publish=6)
    stop_after.step, stop_after.seen = 0, []
    fit(publish=6)
    assert stop_after.seen == [3, 4, 5, 6]
    stop_after.seen = []
    again, _ = fit(publish=6)
    assert stop_after.seen == []  # it was kept
    assert again.published == 6


def test_what_is_computed_again_leaves_no_gap_for_a_later_run(kept: Path) -> None:
    done, model = fit(evaluate_every=1)
    for path in kept.rglob("00000004-*"):
        path.unlink()
    fit(evaluate_every=1, publish=6)
    for path in (*kept.rglob("00000007-*"), *kept.rglob("00000008-*")):
        path.unlink()
    again, other = fit(evaluate_every=1)  # goes on from the checkpoint of step 6
    assert again == done
    assert weights(other) == weights(model)


def test_a_publish_beyond_the_last_step_is_refused_before_work_begins(kept: Path) -> None:
    with pytest.raises(StageError, match="publish is step 9, but training has 8"):
        fit(publish=9)


GRAPH = """
stages:
  train:
    cmd: python -m stages.lora.train base dataset author/adapter author/loss.csv author/loss.png author/speed.csv
      --params train --metrics author/metrics.json
    deps: [base, dataset]
    params: [train]
    outs: [author/adapter]
    metrics: [{author/metrics.json: {cache: false}}]
    plots: [{author/loss.csv: {cache: false}}, {author/loss.png: {cache: false}}]
"""


def test_dvc_repro_that_is_killed_goes_on_when_it_is_run_again(
    training: Training, straight: dict[str, bytes], tmp_path: Path
) -> None:
    repo = tmp_path / "repo"
    for name in ("base", "dataset"):
        shutil.copytree(training.folder / name, repo / name)
    shutil.copyfile(training.folder / "params.yaml", repo / "params.yaml")
    (repo / "dvc.yaml").write_text(GRAPH)
    environment = os.environ | {
        "REFRAIN_SCRATCH": str(tmp_path / "scratch"),
        "REFRAIN_PROGRESS": "json",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
    }
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=repo, check=True, env=environment)
    for step in (12, 30):
        process = subprocess.Popen(
            [*dvc, "repro"],
            cwd=repo,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        for line in process.stdout:
            if line.startswith("{") and json.loads(line).get("step") == step:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.communicate()
        assert process.returncode != 0
    done = subprocess.run([*dvc, "repro"], cwd=repo, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "going on after step" in done.stderr
    assert {name: (repo / "author" / name).read_bytes() for name in OUTS} == straight
