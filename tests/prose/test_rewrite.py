"""The stage as a command against a server on this machine, and as a function with the rules."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.files import read_jsonl, sha256_tree, write_jsonl
from stages.params import ParamsError, load
from stages.prose.rewrite import COLUMNS, RewriteParams, rewrite
from stages.prose.text import words
from stages.run import StageError
from tests.conftest import ROOT
from tests.prose.endpoint import KEY, Asked, Reply, failed, plain, said, serving
from tests.prose.stories import curated, params, rows, settings, story

NONE = Path("none")  # a folder of answers, where nothing is replayed
FILES = ("answers.jsonl", "dropped.csv", "pairs.jsonl", "rewriter.json")


class Command:
    """The stage on `works` works, run as dvc.yaml runs it."""

    def __init__(self, folder: Path, works: int = 3, **rewriter: Any) -> None:
        self.folder = folder
        curated(folder / "curated", works, 3)
        (folder / "params.yaml").write_text(json.dumps({"rewrite": settings(**rewriter)}))  # JSON is YAML

    def start(self, out: str = "out", scratch: str = "scratch", **environment: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "stages.prose.rewrite", "curated", "answers", out, "--params", "rewrite"]
        kept = {"REFRAIN_SCRATCH": str(self.folder / scratch), "PYTHONPATH": str(ROOT), "REFRAIN_TEST_KEY": KEY}
        kept["REFRAIN_WORKERS"] = "1"  # processes take longer to start than this takes
        return subprocess.Popen(
            [*command, "--metrics", f"{out}.json"],
            cwd=self.folder,
            env=os.environ | kept | environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ends(self, status: int = 0, out: str = "out", scratch: str = "scratch", **environment: str) -> str:
        """What the command said on standard error, once it has ended with `status`."""
        process = self.start(out, scratch, **environment)
        _, said = process.communicate()
        assert process.returncode == status, said
        return said

    def written(self, out: str = "out") -> dict[str, bytes]:
        files = [*(self.folder / out).iterdir(), self.folder / f"{out}.json"]
        return {path.name.removeprefix(out): path.read_bytes() for path in files}


@pytest.fixture(autouse=True, scope="module")
def one_process() -> Iterator[None]:
    """Processes would take longer to start than these few texts take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFRAIN_ENGINE", "sequential")
        yield


def dropped(folder: Path) -> list[dict[str, str]]:
    with (folder / "dropped.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# with the rules


@pytest.fixture(scope="module")
def by_rules(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("rules")
    section = settings()
    section["limits"]["max_bleed"] = 1.01
    metrics = rewrite(curated(folder / "curated"), NONE, folder / "out", RewriteParams.model_validate(section))
    return folder / "out", metrics


def test_a_variant_is_made_of_the_share_of_texts_that_is_asked(
    by_rules: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    section = settings()
    section["limits"]["max_bleed"] = 1.01
    section["variants"]["train"]["abstract"] = 0.3
    rewrite(curated(tmp_path / "curated"), NONE, tmp_path / "out", RewriteParams.model_validate(section))
    whole, part = (read_jsonl(folder / "pairs.jsonl") for folder in (by_rules[0], tmp_path / "out"))
    assert [row for row in part if row["variant"] == "standard"] == [
        row for row in whole if row["variant"] == "standard"
    ]
    some, every = ([row for row in rows if row["variant"] == "abstract"] for rows in (part, whole))
    assert all(row in every for row in some)
    assert 0 < len(some) < 0.6 * len(every)


def test_pairs_have_the_splits_perspectives_and_variants_of_the_params(by_rules: tuple[Path, dict[str, Any]]) -> None:
    folder, metrics = by_rules
    found = read_jsonl(folder / "pairs.jsonl")
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    keys = ["id", "work", "split", "chunk", "perspective", "variant", "topic", "source", "target", "bleed"]
    assert all(list(row) == keys for row in found)
    assert len({row["id"] for row in found}) == len(found)
    assert {row["work"] for row in found} == {"work0", "work1", "work2"}  # none of another author
    combinations: dict[str, set[tuple[str, str]]] = {}
    for row in found:
        combinations.setdefault(row["split"], set()).add((row["perspective"], row["variant"]))
    assert combinations["test"] == {("as_written", "standard")}
    assert combinations["valid"] == {("as_written", "standard"), ("third", "standard")}
    assert len(combinations["train"]) == 8
    by_id = {row["id"]: row for row in found}
    sample = by_id["work2:0000:original:third:standard"]
    assert sample["target"] != by_id["work2:0000:original:as_written:standard"]["target"]
    assert sample["target"].startswith("The observer ")
    assert not {"i", "my"} & set(words(sample["source"]))
    assert metrics["pairs"] == len(found)


def test_the_metrics_say_what_became_of_everything(by_rules: tuple[Path, dict[str, Any]]) -> None:
    folder, metrics = by_rules
    found, drops = read_jsonl(folder / "pairs.jsonl"), dropped(folder)
    for name in ("split", "perspective", "variant", "topic"):
        assert metrics[f"pairs_by_{name}"] == dict(sorted(Counter(row[name] for row in found).items()))
    reasons = Counter(row["reason"] for row in drops)
    assert sum(metrics["ambiguous"].values()) == reasons.pop("ambiguous", 0)
    assert metrics["dropped"] == dict(sorted(reasons.items()))
    chunks = metrics["chunks"]
    assert chunks["train"] > 0 < chunks["valid"]
    # train gets 3 conversions of each chunk, valid 1, test 0
    assert metrics["asked"]["perspective"] == 3 * chunks["train"] + chunks["valid"]
    # snowflakes were drawn for about half of the chunks, and rules write none
    assert list(metrics["unsupported"]) == ["snowflake"]
    assert 0 < metrics["unsupported"]["snowflake"] < sum(chunks.values())
    assert metrics["backend"]["name"] == "rules"
    assert 0 < metrics["bleed_mean"] < 1
    assert 0 <= metrics["bleed_under_half"] <= 1
    assert 0 < metrics["kept_share"] <= 1
    json.dumps(metrics, allow_nan=False)


def test_bleed_is_measured_before_anything_is_dropped(tmp_path: Path, by_rules: tuple[Path, dict[str, Any]]) -> None:
    section = settings()
    section["limits"]["max_bleed"] = by_rules[1]["bleed_mean"]
    metrics: Any = rewrite(curated(tmp_path), NONE, tmp_path / "out", RewriteParams.model_validate(section))
    assert metrics["dropped"]["bleed"] > 0
    assert metrics["kept_share"] < by_rules[1]["kept_share"]
    for name in ("bleed_mean", "bleed_under_half"):
        assert metrics[name] == by_rules[1][name]


def test_answers_of_quick_rules_are_not_kept(by_rules: tuple[Path, dict[str, Any]]) -> None:
    (head,) = read_jsonl(by_rules[0] / "answers.jsonl")
    assert head["tasks"] == []
    assert json.loads((by_rules[0] / "rewriter.json").read_text())["backend"] == "rules"


def test_one_worker_or_two_and_any_hash_seed_give_the_same_bytes(tmp_path: Path) -> None:
    command = Command(tmp_path)
    section = settings()
    section["limits"]["max_bleed"] = 1.01
    (tmp_path / "params.yaml").write_text(json.dumps({"rewrite": section}))
    command.ends(out="one", REFRAIN_ENGINE="loky", REFRAIN_WORKERS="1", PYTHONHASHSEED="1")
    command.ends(out="two", REFRAIN_ENGINE="loky", REFRAIN_WORKERS="2", PYTHONHASHSEED="2")
    assert command.written("one") == command.written("two")
    assert len(read_jsonl(tmp_path / "one" / "pairs.jsonl")) >= 8  # fewer would not be shared out


# with an endpoint


def test_a_killed_run_is_asked_for_the_rest_alone_and_gives_the_bytes_of_one_that_never_was(tmp_path: Path) -> None:
    with serving() as endpoint:
        command = Command(tmp_path, 2, backend="openai", openai={"base_url": endpoint.url, "concurrency": 3})
        command.ends(out="whole", scratch="other")
        whole = sorted(asked.prompt for asked in endpoint.asked)
        tasks = [asked.task for asked in endpoint.asked]
        for answered in (tasks.index("perspective") + 1, len(whole) - 4):
            first = len(endpoint.asked)
            endpoint.hold_from(first + answered)
            process = command.start(scratch=f"scratch{answered}")
            # when all three threads are held, what they asked before is kept
            endpoint.wait_for(first + answered + 3)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not (tmp_path / "out").exists()
            endpoint.release()
            again = len(endpoint.asked)
            command.ends(scratch=f"scratch{answered}")
            kept, rest = endpoint.asked[first : first + answered], endpoint.asked[again:]
            assert sorted(asked.prompt for asked in [*kept, *rest]) == whole
            assert command.written() == command.written("whole")
            shutil.rmtree(tmp_path / "out")


def test_a_run_that_sigterm_ends_keeps_what_was_answered_and_says_so(tmp_path: Path) -> None:
    with serving() as endpoint:
        endpoint.hold_from(4)
        command = Command(tmp_path, 2, backend="openai", openai={"base_url": endpoint.url})
        process = command.start()
        endpoint.wait_for(6)
        process.send_signal(signal.SIGTERM)
        endpoint.release()  # requests under way are waited for
        _, said = process.communicate()
        assert process.returncode == 143
        assert said.splitlines()[-1].startswith("rewrite: stopped by SIGTERM; ")
        kept = [path for path in (tmp_path / "scratch" / "answers").rglob("*") if path.is_file()]
        assert len(kept) == len(endpoint.asked) >= 6
        command.ends()
        assert len({asked.prompt for asked in endpoint.asked}) == len(endpoint.asked)


def test_an_endpoint_that_fails_half_way_stops_the_stage_in_one_line_and_the_rest_resumes(tmp_path: Path) -> None:
    with serving(lambda asked: plain(asked) if asked.number < 7 else failed(500)) as endpoint:
        command = Command(tmp_path, 2, backend="openai", openai={"base_url": endpoint.url, "retries": 0})
        (line,) = [line for line in command.ends(1).splitlines() if "known before" not in line]
        assert line.startswith(f"rewrite: {endpoint.url} answered 500: no, after 1 tries; ")
        assert line.endswith(" missing: run again for the rest")
        assert not (tmp_path / "out").exists()
        first = [asked.prompt for asked in endpoint.asked[:7]]
        failed_after = len(endpoint.asked)
        endpoint.answer = plain
        command.ends()
        rest = [asked.prompt for asked in endpoint.asked[failed_after:]]
        assert not set(first) & set(rest)


def test_packed_answers_give_the_same_pairs_without_an_endpoint(tmp_path: Path) -> None:
    with serving() as endpoint:
        command = Command(tmp_path, 2, backend="openai", openai={"base_url": endpoint.url})
        command.ends()
    replayed(tmp_path / "out", tmp_path / "answers")
    again = Command(tmp_path, 2, backend="replay")
    again.ends(out="again", scratch="other", REFRAIN_TEST_KEY="")
    for name in FILES:
        assert again.written("again")[name] == command.written()[name]
    changed = params(backend="replay").model_copy(update={"seed": 2})
    with pytest.raises(StageError, match=r"answers lacks \d+ of \d+ answers for snowflake: .*choose the backend"):
        rewrite(tmp_path / "curated", tmp_path / "answers", tmp_path / "other", changed)


def replayed(out: Path, folder: Path) -> Path:
    """`folder` with a copy of the answers of a run that wrote `out`."""
    folder.mkdir(exist_ok=True)
    shutil.copy(out / "answers.jsonl", folder)
    return folder


def test_the_answers_of_one_task_are_replayed_with_the_same_bytes_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)
    folder = curated(tmp_path / "curated")
    with serving() as endpoint:
        chosen = params(openai={"base_url": endpoint.url}, by_task={"snowflake": "openai"})
        limits = {"limits": chosen.limits.model_copy(update={"max_bleed": 1.01})}
        metrics = rewrite(folder, NONE, tmp_path / "0", chosen.model_copy(update=limits))
    assert b'"snowflake"' in (tmp_path / "0" / "answers.jsonl").read_bytes()
    for number in range(2):
        answers = replayed(tmp_path / str(number), tmp_path / f"answers{number}")
        again = params(by_task={"snowflake": "replay"}).model_copy(update=limits)
        assert rewrite(folder, answers, tmp_path / str(number + 1), again) == metrics
        assert sha256_tree(tmp_path / str(number + 1)) == sha256_tree(tmp_path / "0")


def test_only_the_answers_of_this_run_are_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)
    with serving() as endpoint:
        chosen = params(backend="openai", openai={"base_url": endpoint.url})
        rewrite(curated(tmp_path / "three", 3), NONE, tmp_path / "out3", chosen)
        asked = len(endpoint.asked)
        rewrite(curated(tmp_path / "two", 2), NONE, tmp_path / "out2", chosen)
        assert len(endpoint.asked) == asked  # its works are among the three
        two, three = (read_jsonl(tmp_path / out / "answers.jsonl")[1:] for out in ("out2", "out3"))
        assert len(three) == asked
        assert 0 < len(two) < len(three)
        assert [row["request"] for row in two] == sorted({row["request"] for row in two})


def test_snowflakes_are_pairs_of_their_own_where_somebody_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)
    with serving() as endpoint:
        chosen = params(openai={"base_url": endpoint.url}, by_task={"snowflake": "openai"})
        section = chosen.model_copy(update={"limits": chosen.limits.model_copy(update={"max_bleed": 1.01})})
        metrics: Any = rewrite(curated(tmp_path / "curated"), NONE, tmp_path / "out", section)
        assert {asked.task for asked in endpoint.asked} == {"snowflake"}
    flakes = [row for row in read_jsonl(tmp_path / "out" / "pairs.jsonl") if row["topic"] == "snowflake"]
    assert metrics["pairs_by_topic"]["snowflake"] == len(flakes) > 0
    assert not any("lantern" in row["target"] for row in flakes)
    assert metrics["unsupported"] == {}
    assert metrics["backend"]["name"] == "rules"
    assert metrics["backend"]["by_task"]["snowflake"]["name"] == "openai"


def spoiled(asked: Asked) -> Reply:
    """Every answer to neutralize has another fault, by the number of letters in the text."""
    if asked.task != "neutralize":
        return plain(asked)
    good = json.loads(plain(asked).body)["choices"][0]["message"]["content"]
    kinds = [
        said("I'm sorry, but I can't help with that request. Please ask for something else."),
        said(""),
        said(None),
        said(good[:-10], "length"),
        said("Sure! Here is the text. " + good),
        said(". " + good),
        said(good),
    ]
    return kinds[sum(map(ord, asked.text)) % len(kinds)]


def test_bad_answers_are_dropped_each_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)
    with serving(spoiled) as endpoint:
        chosen = params(backend="openai", openai={"base_url": endpoint.url})
        metrics: Any = rewrite(curated(tmp_path / "curated", 3, 5), NONE, tmp_path / "out", chosen)
    reasons = {"assistant_speak", "empty", "leading_mark", "refusal", "truncated"}
    assert reasons <= set(metrics["dropped"])
    drops = dropped(tmp_path / "out")
    assert list(drops[0]) == list(COLUMNS)
    kept = {row["id"] for row in read_jsonl(tmp_path / "out" / "pairs.jsonl")}
    assert not kept & {row["id"] for row in drops}
    tried = metrics["pairs"] + sum(bool(row["variant"]) for row in drops)
    assert metrics["kept_share"] == pytest.approx(metrics["pairs"] / tried, abs=1e-6)


# set-ups that nobody can continue from


def test_no_text_to_rewrite_is_one_line(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "paragraphs.jsonl", rows("elsewhere", story(1), "reference"))
    with pytest.raises(StageError, match=r"paragraphs.jsonl gives no chunk of 30 to 90 words from 0 paragraphs"):
        rewrite(tmp_path, NONE, tmp_path / "out", params())
    with pytest.raises(FileNotFoundError):
        rewrite(tmp_path / "none", NONE, tmp_path / "out", params())


def test_a_row_that_is_no_paragraph_is_one_line_with_its_number(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "paragraphs.jsonl", [*rows("a", ["One."]), {"work": "a", "split": "train", "index": "1"}])
    with pytest.raises(StageError, match=r"paragraphs.jsonl:2: index is '1', expected int; run prose_curate again"):
        rewrite(tmp_path, NONE, tmp_path / "out", params())
    for damaged in (b'{"work":"a","spl', b'["a"]\n', b'{"work":"\xff"}\n'):
        (tmp_path / "paragraphs.jsonl").write_bytes(damaged)
        with pytest.raises(StageError, match=r"paragraphs.jsonl.*run prose_curate again"):
            rewrite(tmp_path, NONE, tmp_path / "out", params())


def test_nothing_without_fault_is_one_line_with_the_reasons(tmp_path: Path) -> None:
    section = settings()
    section["limits"]["min_length_ratio"] = section["limits"]["max_length_ratio"] = 1.9
    with pytest.raises(StageError, match=r"^no pair of \d+ is without fault: .*'length_ratio': \d+.*limits"):
        rewrite(curated(tmp_path), NONE, tmp_path / "out", RewriteParams.model_validate(section))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("max_words", 20, "max_words of at least min_words, not 20 under 30"),
        ("min_words", 0, "rewrite.min_words is 0, expected greater than or equal to 1"),
        ("snowflake_share", 50, "rewrite.snowflake_share is 50, expected"),
        (
            "variants",
            {"train": {}, "valid": {"standard": 1.0}, "test": {"standard": 1.0}},
            "rewrite.variants.train is {}",
        ),
        ("perspectives", {"train": ["third"], "valid": [], "test": []}, "['third'], expected as_written among them"),
        ("overlap", 2, "rewrite.overlap is not a known key"),
    ],
)
def test_wrong_params_are_one_line(tmp_path: Path, key: str, value: Any, complaint: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps({"rewrite": {**settings(), key: value}}))
    with pytest.raises(ParamsError) as raised:
        load(path, "rewrite", RewriteParams)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_key_ends_the_command_in_one_line_before_anything_is_asked(tmp_path: Path) -> None:
    with serving() as endpoint:
        command = Command(tmp_path, 2, backend="openai", openai={"base_url": endpoint.url})
        (line,) = command.ends(1, REFRAIN_TEST_KEY="").splitlines()
        assert line.startswith("rewrite: REFRAIN_TEST_KEY is not set, expected the key of http")
        (line,) = command.ends(1, REFRAIN_TEST_KEY="wrong").splitlines()
        assert "refuses the key in REFRAIN_TEST_KEY (401)" in line
        assert endpoint.asked == []


def test_the_input_is_left_as_it_was(tmp_path: Path) -> None:
    folder = curated(tmp_path / "curated")
    before = sha256_tree(folder)
    section = settings()
    section["limits"]["max_bleed"] = 1.01
    rewrite(folder, NONE, tmp_path / "out", RewriteParams.model_validate(section))
    assert sha256_tree(folder) == before
