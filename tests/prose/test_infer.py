"""The command as a user runs it, on a random model; and its prompts, which are the bytes of training."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from stages.files import read_jsonl, sha256, sha256_tree, write_json, write_jsonl
from stages.lora import blas, rows, tokenizer
from stages.lora.recipe import RECIPE
from stages.prose import persona, prepare, rewrite, writing
from stages.prose.bleed import bleed
from stages.prose.blocks import Block, blocks
from stages.prose.checks import Fault, Source, Trained, faults
from stages.prose.infer import _passages, main
from stages.prose.jobs import Job, Passage, Written
from stages.prose.notes import without_notes
from stages.prose.output import Output
from stages.prose.passages import parts
from stages.prose.persona import check_recipe, make_recipe, model_input, prompt
from stages.prose.prepare import PrepareParams
from stages.prose.request import VARIANT, part_seeds, requests
from stages.prose.rules import neutralized
from stages.prose.text import words
from tests.conftest import ROOT
from tests.lora import tiny
from tests.prose import stories
from tests.prose.endpoint import KEY, Asked, Reply, plain, serving
from tests.prose.endpoint import said as replied
from tests.prose.test_persona import PERSONA, RULES, persona_params

ONE = (
    "I beheld the ancient lighthouse with trembling dread, and my heart sank as I remembered Peter Marsh. He had gone "
    "there in 1890 to light the lamp, and no boat had ever brought him back to us."
)
TWO = (
    "The tide was low beneath the gibbous moon; and upon the sand lay a parchment, which I clutched without remorse. "
    "It bore the name of a house that I had long abhorred."
)
DOCUMENT = f"# The Lamp\n\n{ONE}\n\n* * *\n\nIt was late.\n\n{TWO}\n"
SHORT = ["--max-tokens", "12", "--tries", "1"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with room for a long prompt, and the recipe of raw rows."""
    blas.load()
    folder = tiny.model_folder(tmp_path_factory.mktemp("prose") / "base")
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"max_position_embeddings": 4096})
    write_json(folder / RECIPE, make_recipe("raw", persona_params(), RULES, {"standard": 1.2}, 300).model_dump())
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without params.yaml and data, whatever the repo has; and no processes for so little."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REFRAIN_ENGINE", "sequential")


def text_file(text: str = DOCUMENT, name: str = "text.txt") -> Path:
    path = Path(name)
    path.write_bytes(text.encode())
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the command says on standard output."""
    assert main([*map(str, arguments), *SHORT]) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    """What the command says as JSON."""
    assert main([*map(str, arguments), *SHORT, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a command that must fail, which says nothing else but that there are no rows."""
    assert main([*map(str, arguments)]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    line = found.err.splitlines()[-1]
    assert all("copies of training rows aren't looked for" in other for other in found.err.splitlines()[:-1])
    assert line.startswith("infer: ")
    return line.removeprefix("infer: ")


# The prompts of inference and of training


def prepared(folder: Path, kind: str, works: int = 5) -> Path:
    """The dataset of a small corpus, by the stages that a user runs."""
    stories.curated(folder / "curated", works)
    rewrite.rewrite(folder / "curated", folder / "answers", folder / "rewritten", stories.params())
    checkpoint = {
        "min_rows": {"original": 1, "robustness": 0, "snowflake": 0, "valid": 1, "test": 1},
        "min_perspective_rows": 1,
        "min_variant_rows": 1,
        "max_faulty": 0.0,
        "max_bleed": 1.0,
        "max_bleed_held_out": 1.0,
        "min_uncommon_gain": -1.0,
        "min_sentence_gain": 0.0,
        "max_shared_rows": 1.0,
    }
    params = PrepareParams.model_validate(
        {
            "format": kind,
            "persona": PERSONA,
            "perspectives": ["as_written"],
            "robustness_share": 0.5,
            "shuffle_share": 0.0,  # nobody shuffles what a user wants rewritten
            "checkpoint": checkpoint,
            "seed": 1,
        }
    )
    prepare.prepare(folder / "rewritten", folder / "dataset", folder / "lengths.csv", folder / "rows.png", params)
    return folder / "dataset"


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer with ChatML, as a base has one."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.write(tokenizer.learned([ONE, TWO, json.dumps(PERSONA)], 500), folder)
    return AutoTokenizer.from_pretrained(folder)


def neutral(texts: Sequence[str]) -> list[str]:
    return [neutralized(text, "standard") for text in texts]


@pytest.mark.parametrize("kind", ["raw", "completions", "text"])
def test_prompts_of_inference_are_the_bytes_of_training(tmp_path: Path, chatty: Any, kind: str) -> None:
    dataset = prepared(tmp_path, kind)
    recipe = check_recipe(dataset)
    types = set()
    for split in ("train", "valid", "test"):
        trained = list(rows.texts(dataset / f"{split}.jsonl", chatty))
        found = [
            (row, *parts)
            for row, parts in zip(read_jsonl(dataset / f"{split}.jsonl"), trained, strict=True)
            if (row["perspective"], row["variant"]) == ("as_written", "standard")
        ]
        assert found
        for row, before, answer in found:
            end = chatty.eos_token if kind == "raw" else "<|im_end|>\n"
            target = answer.removesuffix(end)  # as the author wrote it: the text that a user would give
            (request,) = requests([target], [row["seed"]], neutral, recipe, [row["words"]], row["rate"])
            assert request is not None
            assert request.plain == row["source"]
            assert model_input(request.prompt, recipe, chatty).encode() == before.encode()
            types.add(row["type"])
    assert types == {"original", "robustness"}


def document_of(sizes: Sequence[int]) -> str:
    """A text that nobody learned from, by the same author: paragraphs of so many sentences of 16 to 18 words."""
    return "\n\n".join(stories.story(100 + place, 1, size)[0] for place, size in enumerate(sizes))


@pytest.fixture(scope="module")
def learned_from(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFRAIN_ENGINE", "sequential")
        return prepared(tmp_path_factory.mktemp("learned"), "raw", 12)


@pytest.mark.parametrize("sizes", [[3, 5, 4], [1, 2, 1, 1, 3, 1], [6, 12, 7], [1, 9, 1, 6, 2, 1]])
def test_what_the_model_is_asked_in_use_is_like_what_it_learned_from(learned_from: Path, sizes: list[int]) -> None:
    """Short paragraphs were asked about alone, and long ones cut into parts that were too short."""
    dataset, recipe = learned_from, check_recipe(learned_from)
    rows_ = [row for row in read_jsonl(dataset / "train.jsonl") if row["type"] == "original"]
    own = [row for row in rows_ if (row["perspective"], row["variant"]) == ("as_written", VARIANT)]
    found, _ = blocks(document_of(sizes), 10)
    texts = [part.text for passage in _passages(found, recipe, recipe.words_most) for part in passage.parts]
    made = [request for request in requests(texts, part_seeds(texts, 1), neutral, recipe) if request]
    assert len(made) == len(texts)
    assert len(own) > 10

    learned = [len(words(row["source"])) for row in rows_]
    assert all(min(learned) <= len(words(text)) <= max(learned) for text in texts)
    assert all(min(learned) * 0.9 <= len(words(request.plain)) <= max(learned) * 1.1 for request in made)
    ratios = [row["words"] / len(words(row["source"])) for row in own]
    assert all(min(ratios) <= request.words / len(words(request.plain)) <= max(ratios) for request in made)
    assert fmean(bleed(request.plain, text) for request, text in zip(made, texts)) == pytest.approx(
        fmean(bleed(row["source"], row["target"]) for row in own), abs=0.1
    )
    assert fmean(request.prompt.noise for request in made) == pytest.approx(
        fmean(row["noise"] for row in own), abs=0.01
    )
    assert {request.prompt.content_type for request in made} == {
        prompt(row["source"], 10, 0.0, 1, recipe).content_type for row in own
    }


def test_the_command_asks_as_that_path_does(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from stages.lora.forms import opened

    recipe, model = check_recipe(base), opened(base, None)
    asked = 0
    for row in told(capsys, base, text_file(), "--show-prompt", "--seed", "5"):
        if row["passed"]:
            assert row["prompt"] == []
            continue
        (seed,) = part_seeds([row["input"]], 5)
        (request,) = requests([row["input"]], [seed], neutral, recipe)
        assert request is not None
        assert row["seed"] == [seed]
        assert row["plain"] == [request.plain]
        assert row["prompt"] == [model_input(request.prompt, recipe, model.tokenizer)]
        asked += 1
    assert asked == 2


def test_plain_input_isnt_made_neutral(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, base, text_file(), "--plain")
    assert [row["plain"] for row in found] == [[], [ONE], [], [], [TWO]]


# What passes through, and what comes out


def test_all_but_prose_passes_byte_for_byte(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = f"\n# The Lamp\n\n  {ONE}\n\n\n* * *\n\n- a boat\n- a lamp\n\nIt was late.\n\n{TWO}\n\n"
    found = said(capsys, base, text_file(document))
    inner = told(capsys, base, text_file(document))
    assert [row["passed"] for row in inner] == ["heading", None, "separator", "list", "short", None]
    outputs = [row["output"] for row in inner if not row["passed"]]
    assert outputs[0] not in ("", ONE)
    assert found == document.replace(ONE, outputs[0]).replace(TWO, outputs[1])


def test_a_byte_order_mark_and_line_ends_survive(base: Path) -> None:
    wrapped = TWO.replace("; and upon", "; and\r\nupon")
    document = f"\ufeff# The Lamp\r\n\r\n{wrapped}\r\n\r\nIt was late.\r\n"
    assert main([str(base), str(text_file(document)), "--out", "out.txt", *SHORT]) == 0
    found = Path("out.txt").read_bytes().decode()
    assert found.startswith("\ufeff# The Lamp\r\n\r\n")
    assert found.endswith("\r\n\r\nIt was late.\r\n")
    assert "\n" not in found.replace("\r\n", "")


def test_footnote_marks_come_back_once_and_in_order(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noted = ONE.replace("Marsh.", "Marsh.[1]").replace("lamp,", "lamp,[^b]") + "²"
    (row,) = told(capsys, base, text_file(noted))
    assert "[" not in row["plain"][0]
    left, notes = without_notes(row["output"])
    assert [mark for mark, _ in notes] == ["[1]", "[^b]", "²"] or "".join(mark for mark, _ in notes) == "[1][^b]²"
    assert row["output"] != noted
    assert left == told(capsys, base, text_file(ONE))[0]["output"]


def test_a_long_paragraph_is_written_in_parts(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = told(capsys, base, text_file(f"{ONE} {TWO}"), "--max-words", "40")
    assert len(row["plain"]) == len(row["seed"]) == len(row["tries"]) == 2
    assert row["seed"] == part_seeds([ONE, TWO], 1)
    assert row["plain"] == neutral([ONE, TWO])


def test_the_same_seed_gives_the_same_bytes_however_many_at_once(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, base, text_file())
    assert said(capsys, base, text_file()) == found
    assert said(capsys, base, text_file(), "--rows-at-once", "1") == found
    assert said(capsys, base, text_file(), "--seed", "2") != found


def test_what_becomes_of_a_paragraph_owes_nothing_to_those_before_and_after_it(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = told(capsys, base, text_file())
    more = told(capsys, base, text_file(f"{TWO} {ONE}\n\n{DOCUMENT}\n{ONE} {TWO}\n"))
    assert [row | {"paragraph": row["paragraph"] - 1} for row in more[1:-1]] == expected


def test_equal_paragraphs_are_written_apart(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = told(capsys, base, text_file(f"{ONE}\n\n{ONE}\n"))
    assert one["output"] == told(capsys, base, text_file(ONE))[0]["output"] != other["output"]


def test_a_paragraph_longer_than_all_that_was_learned_is_written_in_parts(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(words(f"{ONE} {TWO}"))
    for most, expected in ((count, 1), (count - 1, 2)):
        folder = with_recipe(base, f"most{most}", words_most=most)
        (row,) = told(capsys, folder, text_file(f"{ONE} {TWO}"))
        assert len(row["plain"]) == expected


def test_paragraphs_shorter_than_all_that_was_learned_are_written_with_their_neighbours(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(words(f"{ONE} {TWO}"))
    folder = with_recipe(base, "least", words_least=count)
    document = f"{ONE}\n\n  {TWO}\n\n# The Lamp\n\n{TWO}\n"
    assert main([str(folder), str(text_file(document)), *SHORT, "--json", "--show-prompt"]) == 0
    out, err = capsys.readouterr()
    both, heading, alone = map(json.loads, out.splitlines())
    assert [(row["paragraph"], row["paragraphs"]) for row in (both, heading, alone)] == [(1, 2), (3, 1), (4, 1)]
    assert both["input"] == f"{ONE}\n\n  {TWO}"
    assert both["plain"] == neutral([f"{ONE}\n\n{TWO}"])
    assert "infer: paragraphs 1 to 2 (I beheld " in err and "infer: paragraph 4 (The tide" in err
    assert "; 1 passed through (heading 1); " in err and err.endswith(" in 3 paragraphs\n")
    assert (
        f"infer: 1 of 2 passages is shorter than all that the model learned from ({len(words(TWO))} words, and" in err
    )
    folder = with_recipe(base, "less", words_least=len(words(TWO)))
    assert main([str(folder), str(text_file(document)), *SHORT, "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4 and "shorter than all" not in err


def test_what_is_written_for_several_paragraphs_is_split_at_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(json=False, out=None, keep_failed=False, show_prompt=False)
    for answer, expected in (
        ("He saw. He went. He wept.\n\nShe went.", "He saw. He went. He wept.[1]\n \n\tShe went.²\n"),
        ("He saw. She went.", "He saw.[1] She went.²\n"),
        ("He saw.\n\nShe went.\n\nAll.", "He saw.\n \n\tShe went.[1]\n \n\tAll.²\n"),
    ):
        found, tail = blocks(f"{ONE}[1]\n \n\t{TWO}²\n", 10)
        passage = Passage(found, 1, parts("\n\n".join(block.text for block in found), 300))
        (job,) = jobs_of(passage)  # one of both paragraphs
        passage.done[0] = job, Written(answer, [], 1)
        assert Output([passage], "", tail, "\n", options).end() == 0
        shown, err = capsys.readouterr()
        assert shown == expected
        assert err == "infer: 2 paragraphs rewritten; no faults found\n"


def test_a_text_with_no_paragraph_long_enough_passes_through(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(base), str(text_file("# The Lamp\n\nIt was late.\n"))]) == 0
    found = capsys.readouterr()
    assert found.out == "# The Lamp\n\nIt was late.\n"
    assert "no paragraph of at least 20 words; all passes through" in found.err


def test_standard_input_is_read_where_no_file_is_named(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = said(capsys, base, text_file())
    line = [sys.executable, "-m", "stages.prose.infer", str(base), *SHORT]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PYTHONHASHSEED": "1"}
    done = subprocess.run(line, input=DOCUMENT.encode(), capture_output=True, env=environment, check=True)
    assert done.stdout.decode() == expected


def test_json_goes_to_standard_output_and_text_to_the_file(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = said(capsys, base, text_file())
    found = told(capsys, base, text_file(), "--out", "out.txt")
    assert Path("out.txt").read_text() == expected
    assert [row["paragraph"] for row in found] == [1, 2, 3, 4, 5]
    keys = {"paragraph", "paragraphs", "input", "passed", "plain", "output", "faults", "longest_run", "tries", "seed"}
    assert all(set(row) == keys for row in found)


# Checks, tries, and what is done about faults


def printable(line: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in line)


def test_faults_are_those_of_the_checks_and_are_reported(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(base), str(text_file(ONE)), *SHORT, "--json", "--show-prompt"]) == 0
    out, err = capsys.readouterr()
    row = json.loads(out)
    recipe = check_recipe(base)
    (request,) = requests([ONE], row["seed"], neutral, recipe)
    assert request is not None
    source = Source(ONE, request.plain, request.prompt.instruction, request.words)
    expected = faults(row["output"], source, None)
    assert [(fault["kind"], fault["detail"]) for fault in row["faults"]] == [(one.kind, one.detail) for one in expected]
    assert "names_lost" in [fault.kind for fault in expected]  # 12 random tokens
    assert [line for line in err.splitlines() if "paragraph 1 " in line] == [
        f"infer: paragraph 1 (I beheld the ancient lighthouse with ...): {printable('; '.join(map(str, expected)))}"
    ]
    assert "names lost: Peter, Marsh" in err
    assert err.splitlines()[-1] == f"infer: 1 paragraph rewritten; {len(expected)} faults in 1 paragraph"


def test_strict_ends_with_3_if_a_fault_stays(base: Path) -> None:
    assert main([str(base), str(text_file()), *SHORT, "--strict"]) == 3
    assert main([str(base), str(text_file("It was late.\n")), *SHORT, "--strict"]) == 0


def test_a_failed_paragraph_can_keep_its_own_text(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(base), str(text_file(DOCUMENT.replace("dread,", "dread,[1]"))), *SHORT, "--keep-failed"]) == 0
    out, err = capsys.readouterr()
    assert out == DOCUMENT.replace("dread,", "dread,[1]")
    assert "; it keeps its own text" in err
    assert "infer: 0 paragraphs rewritten; 2 not rewritten because of faults; 3 passed through (heading 1, " in err


def test_a_part_with_faults_is_tried_again_and_the_best_try_taken(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(*more: str) -> dict[str, Any]:
        assert main([str(base), str(text_file(ONE)), "--max-tokens", "12", "--json", *more]) == 0
        return dict(json.loads(capsys.readouterr().out))

    one, many = found("--tries", "1"), found("--tries", "4")
    assert (one["tries"], many["tries"]) == ([1], [4])
    assert len(many["faults"]) <= len(one["faults"])
    assert found("--tries", "4") == many
    assert found("--temperature", "0")["tries"] == [1]  # which would write the same again


def test_tries_of_a_paragraph_owe_nothing_to_the_others(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def found(text: str, *more: str) -> list[dict[str, Any]]:
        limits = ["--max-tokens", "12", "--tries", "4", "--json", *more]
        assert main([str(base), str(text_file(text)), *limits]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (alone,) = found(ONE)
    assert alone["tries"] == [4]
    for more in ([], ["--rows-at-once", "2"], ["--rows-at-once", "1"]):
        rows = found(f"{TWO}\n\n{ONE}\n\n{TWO} {TWO}\n", *more)
        assert [row["paragraph"] for row in rows] == [1, 2, 3]
        assert rows[1] | {"paragraph": 1} == alone


def test_parts_keep_their_order_whichever_is_settled_first() -> None:
    passage = Passage([Block("", "x", None)], 1, parts(f"{ONE} {TWO}", 40))
    first, second = jobs_of(passage)
    whole = []
    for job, text in ((second, "b"), (first, "a")):
        passage.done[job.place] = job, Written(text, [], 1)
        whole.append(passage.is_whole)
    assert whole == [False, True]
    assert [written.text for _, written in passage.written] == ["a", "b"]


def jobs_of(passage: Passage) -> list[Job]:
    recipe = make_recipe("raw", persona_params(), RULES, {"standard": 1.0}, 300)
    texts = [part.text for part in passage.parts]
    made = requests(texts, list(range(1, len(texts) + 1)), neutral, recipe)
    found = []
    for place, (part, request) in enumerate(zip(passage.parts, made)):
        assert request
        found.append(Job(0, place, part, request, request.prompt.text, 200 + place, 100))
    return found


def test_prompts_are_sampled_together_as_far_as_the_context_has_room() -> None:
    jobs = jobs_of(Passage([Block("", "x", None)], 1, parts(f"{ONE} {TWO}", 40)))  # 200 and 201 tokens, 100 more

    def sizes(context: int | None, rows: int) -> list[int]:
        waiting: Any = deque((job, []) for job in jobs * 2)
        found = []
        while waiting:
            found.append(len(writing._together(waiting, context, rows)))
        return found

    assert sizes(None, 16) == sizes(301, 16) == [4]
    assert sizes(None, 3) == [3, 1]
    assert sizes(300, 16) == [1, 1, 1, 1]


def test_text_with_faults_is_better_than_none() -> None:
    tries = [
        Written("", [Fault("empty")], 1),
        Written("It was", [Fault("unfinished"), Fault("length")], 2),
        Written("He was", [Fault("unfinished"), Fault("length")], 3),
    ]
    assert min(tries, key=writing._badness) is tries[1]


def test_ctrl_c_keeps_what_was_printed_writes_no_file_and_is_one_line(base: Path) -> None:
    document = "\n\n".join([f"{ONE} {number} of them." for number in range(2, 400)])
    limits = ["--max-tokens", "12", "--tries", "1", "--rows-at-once", "2", "--json", "--out", "out.txt"]
    line = [sys.executable, "-m", "stages.prose.infer", str(base), str(text_file(document)), *limits]
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what a shell starts in the background ignores it
    with subprocess.Popen(
        line,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heeded,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rows = [json.loads(line) for line in [first, *process.stdout.read().splitlines()]]
        err = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert err[-1] == "infer: stopped by SIGINT; out.txt isn't written"
    assert not Path("out.txt").exists()
    assert 1 <= len(rows) < 398
    assert [row["paragraph"] for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_goes_ends_it_without_a_word_of_its_own(base: Path, more: list[str]) -> None:
    document = "\n\n".join([f"{ONE} {number} of them." for number in range(2, 400)])
    limits = ["--max-tokens", "12", "--tries", "1", "--rows-at-once", "2", *more]
    line = [sys.executable, "-m", "stages.prose.infer", str(base), str(text_file(document)), *limits]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read().decode().splitlines()
    assert process.returncode == 141
    assert all("copies of training rows aren't looked for" in line or ": paragraph " in line for line in err)
    assert len(err) < 300  # at once, and not when all is written


def test_rows_of_the_dataset_mustnt_be_recited(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def line(seed: int) -> list[str]:
        limits = ["--max-tokens", "200", "--tries", "1", "--json"]
        return [str(base), str(text_file(ONE)), *limits, "--seed", str(seed)]

    def written_by(seed: int) -> str:
        assert main(line(seed)) == 0
        out, err = capsys.readouterr()
        assert (
            "data/prose/author/train.jsonl is not there, so copies of training rows aren't looked for; --dataset" in err
        )
        return str(json.loads(out)["output"])

    seed = next(seed for seed in range(50) if len(words(written_by(seed))) >= 12)  # a random model ends soon
    written = written_by(seed)
    for kind in ("raw", "completions", "text"):
        request = prompt(ONE, 40, 0.0, 1, check_recipe(base))
        write_jsonl(Path("rows/train.jsonl"), [persona.formatted(kind, request, written)])
        assert main([*line(seed), "--dataset", "rows"]) == 0
        row = json.loads(capsys.readouterr().out)
        assert {"kind": "copied_training", "detail": f"{len(words(written))} words in a row"} in row["faults"]
    shutil.move("rows", "data/prose/author")
    assert main(line(seed)) == 0
    assert "copied_training" in capsys.readouterr().out
    assert Trained.of([written]).runs.shared([written]) == [True]


# The recipe


def with_recipe(base: Path, name: str, **changes: Any) -> Path:
    folder = shutil.copytree(base, Path(name))
    recipe = json.loads((base / RECIPE).read_text()) | changes
    if changes.get("kind", "prose") == "prose" and "fingerprint" not in changes:
        recipe["fingerprint"] = persona.fingerprint(persona.Recipe(**recipe))
    write_json(folder / RECIPE, recipe)
    return folder


def test_another_recipe_is_refused_unless_told(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = with_recipe(base, "other", fingerprint="0" * 64)
    line = refused(capsys, folder, text_file())
    assert "other/recipe.json: its fingerprint is 000000000000, this code" in line
    assert line.endswith("; or give --any-recipe")
    expected = said(capsys, base, text_file())
    assert main([str(folder), str(text_file()), *SHORT, "--any-recipe"]) == 0
    out, err = capsys.readouterr()
    assert out == expected
    assert [line for line in err.splitlines() if "warning" in line] == [
        line for line in err.splitlines() if "going on because of --any-recipe" in line
    ]
    assert err.count("warning") == 1


def test_no_recipe_is_refused_unless_a_dataset_has_it(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(base, Path("none"))
    (folder / RECIPE).unlink()
    assert "none/recipe.json is not there" in refused(capsys, folder, text_file())
    assert "none/recipe.json is not there" in refused(capsys, folder, text_file(), "--any-recipe")
    expected = said(capsys, base, text_file())
    write_jsonl(Path("rows/train.jsonl"), [{"prompt": "x", "target": "Something else."}])
    shutil.copy(base / RECIPE, "rows")
    assert "none/recipe.json is not there" in refused(capsys, folder, text_file(), "--dataset", "rows")
    assert said(capsys, folder, text_file(), "--dataset", "rows", "--any-recipe") == expected


def test_a_recipe_of_another_track_is_refused_whatever_is_told(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = with_recipe(base, "midi", kind="midi")
    for more in ([], ["--any-recipe"]):
        line = refused(capsys, folder, text_file(), *more)
        assert "its kind is 'midi', expected 'prose'" in line
        assert "--any-recipe" not in line  # which wouldn't help


def adapter_of(base: Path, recipe: Path, told_hash: str | None) -> Path:
    folder = Path("adapter")
    folder.mkdir()
    tiny.adapter_folder(folder, base)
    shutil.copy(recipe, folder / RECIPE)
    write_json(folder / "metadata.json", {"adapterName": "a", "baseHash": sha256_tree(base), "recipeHash": told_hash})
    return folder


def test_the_adapters_recipe_goes_before_its_bases(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_recipe("raw", persona_params(words_step=50), RULES, {"standard": 1.2}, 300)
    write_json(Path("recipe.json"), other.model_dump())
    folder = adapter_of(base, Path("recipe.json"), sha256(Path("recipe.json").read_bytes()))
    row = told(capsys, base, text_file(ONE), "--adapter", folder, "--show-prompt")[0]
    assert row["prompt"] == [prompt(row["plain"][0], 40, 0.08, row["seed"][0], other).text]
    assert "about 50 words" in row["prompt"][0] or "of 50 words" in row["prompt"][0]


def test_a_recipe_that_isnt_the_one_of_the_adapters_metadata_is_refused(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = adapter_of(base, base / RECIPE, "f" * 64)
    line = refused(capsys, base, text_file(), "--adapter", folder)
    assert "adapter/metadata.json: recipeHash is ffffffffffff, but adapter/recipe.json has" in line
    assert main([str(base), str(text_file()), "--adapter", str(folder), "--any-recipe", *SHORT]) == 0
    assert "recipeHash is ffffffffffff" in capsys.readouterr().err


@pytest.mark.parametrize("metadata", [None, {"adapterName": "a"}])
def test_an_adapter_that_names_no_recipe_is_refused_unless_told(
    base: Path, metadata: dict[str, str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = adapter_of(base, base / RECIPE, None)
    (folder / "metadata.json").unlink()
    if metadata:
        write_json(folder / "metadata.json", metadata | {"baseHash": sha256_tree(base)})
    line = refused(capsys, base, text_file(), "--adapter", folder)
    assert line.startswith("adapter/metadata.json names no recipeHash, so nobody knows whether adapter/recipe.json is")
    assert main([str(base), str(text_file()), "--adapter", str(folder), "--any-recipe", *SHORT]) == 0


def test_the_recipe_of_the_base_is_none_of_an_adapters(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = adapter_of(base, base / RECIPE, None)
    (folder / RECIPE).unlink()
    assert "adapter/recipe.json is not there" in refused(capsys, base, text_file(), "--adapter", folder)


def test_an_adapter_of_the_registry_brings_its_base_and_its_recipe(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stages.lora import registry

    monkeypatch.setenv("REFRAIN_REGISTRY", "registry")
    folder = adapter_of(base, base / RECIPE, sha256((base / RECIPE).read_bytes()))
    entry, _ = registry.add(folder, base)
    expected = said(capsys, base, text_file(), "--adapter", folder)
    assert said(capsys, f"lora/{entry.id}", text_file()) == expected != said(capsys, base, text_file())


# Other rewriters


def params_file(**rewriter: Any) -> Path:
    write_json(Path("p.yaml"), {"prose": {"rewrite": stories.settings(**rewriter)}})  # JSON is YAML
    return Path("p.yaml")


def story_first(asked: Asked) -> Reply:
    """Narratives that begin with words of their own, and plain prose of them."""
    return replied(f"We learned of it in turn. {asked.text}") if asked.task == "narrativize" else plain(asked)


def of_endpoint(base: Path, url: str, **changes: Any) -> Path:
    """A model whose sources an endpoint made."""
    about = {"name": "openai", "model": "m", "base_url": url, "temperature": 0.0, "max_tokens": 1000, **changes}
    made = make_recipe("raw", persona_params(), {"backend": "openai", **about}, {"standard": 1.0}, 300)
    folder = shutil.copytree(base, Path(f"model{len(list(Path().iterdir()))}"))
    write_json(folder / RECIPE, made.model_dump())
    return folder


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REFRAIN_TEST_KEY", KEY)
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / "scratch"))


def test_the_endpoint_of_training_makes_plain_prose_of_the_narrative(
    base: Path, key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(story_first) as endpoint:
        file = params_file(backend="openai", openai={"base_url": endpoint.url, "concurrency": 1})
        (row,) = told(capsys, of_endpoint(base, endpoint.url), text_file(ONE), "--params-file", file, "--narrativize")
        assert [asked.task for asked in endpoint.asked] == ["narrativize", "neutralize"]
        assert [asked.text for asked in endpoint.asked] == [ONE, f"We learned of it in turn. {ONE}"]
    assert row["plain"][0].startswith("We matter of it in turn. I matter the")
    assert "names_lost" in {fault["kind"] for fault in row["faults"]}  # of the text that the user gave


def test_another_rewriter_than_that_of_training_is_refused_unless_told(
    base: Path, key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as endpoint:
        file = params_file(backend="openai", openai={"base_url": endpoint.url})
        other = of_endpoint(base, endpoint.url, model="n")
        line = refused(capsys, other, text_file(), "--params-file", file)
        assert line == (
            "p.yaml: prose.rewrite.rewriter: model is 'm', but the sources that the model learned from were made with "
            "'n'; set that, or give --plain if the text is plain already, or --any-recipe"
        )
        assert endpoint.asked == []
        assert told(capsys, other, text_file(ONE), "--plain")[0]["plain"] == [ONE]
        assert told(capsys, other, text_file(ONE), "--params-file", file, "--any-recipe")[0]["plain"] != [ONE]
    line = refused(capsys, other, text_file(), "--params-file", params_file())
    assert "backend is 'rules', but the sources that the model learned from were made with 'openai'" in line
    line = refused(capsys, other, text_file(), "--params-file", params_file(backend="replay"))
    assert line.endswith(
        "has backend replay for neutralize, which has the answers to other texts; choose openai or mlx"
    )
    assert "nowhere.yaml" in refused(capsys, other, text_file(), "--params-file", "nowhere.yaml")


def test_a_paragraph_that_nothing_came_of_keeps_its_text(
    base: Path, key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda asked: replied("Cut", "length") if "lighthouse" in asked.text else plain(asked)) as endpoint:
        file = params_file(backend="openai", openai={"base_url": endpoint.url})
        assert (
            main(
                [
                    *map(str, (of_endpoint(base, endpoint.url), text_file(), "--params-file", file)),
                    *SHORT,
                    "--seed",
                    "3",
                ]
            )
            == 0
        )
    out, err = capsys.readouterr()
    print(err)
    assert ONE in out and TWO not in out
    assert "infer: neutralize: 1 of 2 texts without a good answer: truncated" in err
    assert "): nothing was written: no good answer to neutralize; it keeps its own text\n" in err


REFUSALS = (
    "I’m sorry, but I can’t assist with that. Please send me another text.",
    "I had tea. It was cold there. We left.",
)


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_or_another_text_does_not_take_the_place_of_the_users(
    base: Path, key: None, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda asked: replied(answer) if asked.text == ONE else plain(asked)) as endpoint:
        file = params_file(backend="openai", openai={"base_url": endpoint.url})
        model = of_endpoint(base, endpoint.url)
        assert main([*map(str, (model, text_file(), "--params-file", file, "--seed", 3)), *SHORT]) == 0
    out, err = capsys.readouterr()
    assert ONE in out and TWO not in out
    assert "infer: neutralize: 1 of 2 texts without a good answer: " in err


def test_notes_are_expanded_first(base: Path, key: None, capsys: pytest.CaptureFixture[str]) -> None:
    def fuller(asked: Asked) -> Reply:
        return replied(f"{asked.text} So it was. It went on.") if asked.task == "expand" else plain(asked)

    with serving(fuller) as endpoint:
        file = params_file(backend="openai", openai={"base_url": endpoint.url, "concurrency": 1})
        (row,) = told(capsys, of_endpoint(base, endpoint.url), text_file(ONE), "--params-file", file, "--expand")
        assert [(asked.task, asked.text) for asked in endpoint.asked] == [
            ("expand", ONE),
            ("neutralize", f"{ONE} So it was. It went on."),
        ]
    assert row["plain"][0].endswith("So it was. It went on.")


def test_a_link_stays_one(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("real.txt").write_text("old")
    Path("link.txt").symlink_to("real.txt")
    assert main([str(base), str(text_file()), "--out", "link.txt", *SHORT]) == 0
    assert Path("link.txt").is_symlink()
    assert Path("real.txt").read_text() != "old"


def test_rules_cant_narrativize(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, base, text_file(), "--narrativize", "--params-file", params_file())
    assert line == (
        "--narrativize: p.yaml: prose.rewrite.rewriter has backend rules for narrativize, and rules can't do that; "
        "choose openai or mlx, or leave --narrativize out"
    )


def test_that_rules_cant_narrativize_is_said_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    for file in (params_file(), "nowhere.yaml"):
        assert main(["nowhere", "nowhere.txt", "--narrativize", "--params-file", str(file)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("infer: --narrativize: ") and str(file) in line


# Bad input


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "text.txt is empty, expected a text"),
        (b" \n\n", "text.txt is empty, expected a text"),
        (b"caf\xe9 in the rain", "text.txt: byte 3 isn't UTF-8; save the file as UTF-8"),
        (b"PK\x03\x04\x00\x00", "text.txt: byte 4 is 0, so this is no text; give a text file in UTF-8"),
    ],
)
def test_what_is_no_text_is_one_line(
    base: Path, data: bytes, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("text.txt").write_bytes(data)
    assert refused(capsys, base, "text.txt") == expected


def test_a_set_up_that_cant_work_is_one_line(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, base, "nowhere.txt") == (
        "nowhere.txt can't be read: No such file or directory; give a text file in UTF-8"
    )
    assert "nowhere is no model folder" in refused(capsys, "nowhere", text_file())
    assert "rows/train.jsonl is not there" in refused(capsys, base, text_file(), "--dataset", "rows")
    Path("folder").mkdir()
    assert refused(capsys, base, "folder") == "folder can't be read: Is a directory; give a text file in UTF-8"
    assert refused(capsys, base, text_file(), "--out", "folder") == "--out folder is a folder, expected a file"
    assert refused(capsys, base, text_file(), "--out", "text.txt/out.txt") == (
        "--out text.txt/out.txt can't be written: text.txt: File exists; give another file"
    )
    assert "--out /dev/null is a device or a pipe, expected a file" in refused(
        capsys, base, text_file(), "--out", "/dev/null"
    )
    write_jsonl(Path("bad/train.jsonl"), [{"messages": []}])
    assert "bad/train.jsonl: keys messages, expected target, completion or text" in refused(
        capsys, base, text_file(), "--dataset", "bad"
    )


def test_the_text_itself_is_not_written_over_and_another_file_is(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, base, text_file(), "--out", "./text.txt")
    assert line == "--out text.txt is the text itself, which would be lost; give another file"
    assert Path("text.txt").read_text() == DOCUMENT
    Path("out.txt").write_text("old")
    assert main([str(base), "text.txt", "--out", "out.txt", *SHORT]) == 0
    assert Path("out.txt").read_text().startswith("# The Lamp\n")


def test_a_folder_that_is_no_whole_model_is_one_line_before_any_work(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = adapter_of(base, base / RECIPE, sha256((base / RECIPE).read_bytes()))
    found = {
        "adapter": "adapter is an adapter, expected a model; give its base, and --adapter adapter",
        "empty": "empty/config.json is missing; copy or make it again: empty is not a whole model folder",
        "half": "half/model.safetensors is missing; copy or make it again: half is not a whole model folder",
    }
    Path("empty").mkdir()
    (shutil.copytree(base, Path("half")) / "model.safetensors").unlink()
    for name, line in found.items():
        assert main([name, str(text_file())]) == 1
        assert capsys.readouterr() == ("", f"infer: {line}\n")
    (adapter / "adapters.safetensors").unlink()
    assert refused(capsys, base, text_file(), "--adapter", adapter).startswith(
        "adapter/adapters.safetensors is missing"
    )
    line = refused(capsys, base, text_file(), "--adapter", "nowhere")
    assert line == "nowhere/adapter_config.json is missing; copy or make it again: nowhere is not an adapter folder"


def test_a_model_without_room_for_the_prompt_is_one_line(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(base, Path("small"))
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"max_position_embeddings": 200})
    line = refused(capsys, folder, text_file())
    assert line.startswith("paragraph 2: its prompt has ")
    assert line.endswith("tokens, but the model's context is 200; lower --max-words, or take a model with more")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--tries", "0"], "argument --tries: 0, expected a whole number from 1 on"),
        (["--temperature", "-1"], "argument --temperature: -1, expected a number from 0 on"),
        (["--show-prompt"], "--show-prompt shows nothing without --json"),
        (["--plain", "--narrativize"], "argument --narrativize: not allowed with argument --plain"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    base: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(base), *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"infer: {line}; see --help\n"
