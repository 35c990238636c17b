import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.lora import chatml, rows, tokenizer
from stages.run import StageError

WORDS = ["one", "two", "three"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.write(tokenizer.make(WORDS, ["user", "system", "assistant", "hi"]), folder)
    return AutoTokenizer.from_pretrained(folder)


def written(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def answer(row: rows.Row, words: Any) -> str:
    return str(words.decode(row.ids[row.first :]))


def test_all_formats_of_one_chat_give_the_same_targets(words: Any, tmp_path: Path) -> None:
    user, said = {"role": "user", "content": "hi"}, {"role": "assistant", "content": " one two"}
    path = written(
        tmp_path,
        {"text": "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n one two<|im_end|>\n"},
        {"messages": [user, said]},
        {"prompt": "hi", "completion": " one two", "id": "other keys are no matter"},
        {"instruction": "hi", "input": "", "output": " one two"},
    )
    found, reasons = rows.read(path, words, 64, "refuse", mask_prompt=True)
    assert not reasons
    assert {answer(row, words) for row in found} == {" one two<|im_end|>\n"}
    assert len({row.ids.tobytes() for row in found}) == 1
    assert found[0].targets == 4  # one, two, the end, the line feed
    # <|im_start|> user \n hi <|im_end|> \n <|im_start|> assistant \n
    assert found[0].first == 9


def test_a_raw_row_has_no_template_and_only_its_target_counts(words: Any, tmp_path: Path) -> None:
    (row,), _ = rows.read(written(tmp_path, {"prompt": "hi", "target": " one two"}), words, 64, "refuse", True)
    assert words.decode(row.ids) == f"hi one two{words.eos_token}"
    assert answer(row, words) == f" one two{words.eos_token}"
    _, reasons = rows.read(written(tmp_path, {"prompt": "hi", "target": ""}), words, 64, "refuse", True)
    assert reasons == {"no_targets": 1}


def test_validation_rows_that_are_trained_on_are_counted_aloud(
    words: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, _ = rows.read(written(tmp_path, {"text": "one"}, {"text": "two"}), words, 64, "refuse", True)
    valid, _ = rows.read(written(tmp_path, {"text": "two"}, {"text": "three"}), words, 64, "refuse", True)
    assert rows.shared(train, valid) == 1
    assert capsys.readouterr().err == "1 of 2 validation rows are training rows, too\n"
    assert rows.shared(train, valid[1:]) == 0


def test_a_system_text_is_part_of_the_prompt(words: Any, tmp_path: Path) -> None:
    path = written(tmp_path, {"text": chatml.document("hi", "hi", " one")})
    (row,), _ = rows.read(path, words, 64, "refuse", mask_prompt=True)
    assert answer(row, words) == " one<|im_end|>\n"


def test_without_masking_all_but_the_first_token_are_targets(words: Any, tmp_path: Path) -> None:
    path = written(tmp_path, {"prompt": "hi", "completion": " one two"})
    (row,), _ = rows.read(path, words, 64, "refuse", mask_prompt=False)
    assert row.first == 1
    assert row.targets == len(row.ids) - 1 == 12


def test_a_plain_text_is_all_target_and_ends_with_the_end_token(words: Any, tmp_path: Path) -> None:
    (row,), _ = rows.read(written(tmp_path, {"text": " one two"}), words, 64, "refuse", mask_prompt=True)
    assert row.ids[-1] == words.eos_token_id
    assert (row.first, row.targets) == (1, 2)  # two and the end; nothing comes before one


def test_long_rows_are_cut_or_refused_and_counted(words: Any, tmp_path: Path) -> None:
    long, short = ({"prompt": "hi", "completion": " one" * length} for length in (20, 1))
    path = written(tmp_path, long, *[short] * 19)
    kept, reasons = rows.read(path, words, 16, "refuse", mask_prompt=True)
    assert (len(kept), dict(reasons)) == (19, {"too_long": 1})
    kept, reasons = rows.read(path, words, 16, "cut", mask_prompt=True)
    assert ([len(row.ids) for row in kept], dict(reasons)) == ([16] + [12] * 19, {"cut": 1})


def test_rows_made_for_another_length_or_tokenizer_stop_in_one_line(words: Any, tmp_path: Path) -> None:
    long, short = ({"prompt": "hi", "completion": " one" * length} for length in (20, 1))
    path = written(tmp_path, long, *[short] * 18)
    with pytest.raises(StageError, match="1 of 19 rows have more than row_tokens 16; raise it"):
        rows.read(path, words, 16, "refuse", mask_prompt=True)


def test_a_row_without_targets_is_refused(words: Any, tmp_path: Path) -> None:
    empty = {"text": chatml.prompt("hi", "hi")}
    path = written(tmp_path, empty, {"text": ""}, {"prompt": "hi" + " one" * 20, "completion": " two"})
    kept, reasons = rows.read(path, words, 16, "cut", mask_prompt=True)
    assert kept == []
    assert dict(reasons) == {"no_targets": 2, "prompt_fills_row": 1}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "a"', "delimiter"),
        ("[1]", "list, expected an object"),
        ('{"story": "a"}', r"keys story \(str\), expected text, messages"),
        ('{"messages": [{"role": "user", "content": "a"}]}', r"keys messages \(list\), expected"),
        ('{"prompt": 5, "completion": "b"}', r"keys prompt \(int\), completion \(str\), expected .* each a text"),
        ('{"instruction": "a", "input": 5, "output": "b"}', r"input \(int\), .*each a text"),
        ('{"messages": ["x", {"role": "assistant", "content": "a"}]}', "a message is 'x', expected role and content"),
        ('{"messages": [{"role": "user"}, {"role": "assistant", "content": "a"}]}', "a message is {'role': 'user'}"),
        ('{"text": "\\ud800"}', "surrogates not allowed"),
    ],
)
def test_a_broken_line_is_named(words: Any, tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(StageError, match=rf"train\.jsonl:2: .*{said}"):
        rows.read(path, words, 16, "cut", mask_prompt=True)


def test_a_file_that_is_no_utf_8_is_named_with_its_line(words: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes('{"text": "fine"}\n{"text": "für"}\n'.encode("latin-1"))
    with pytest.raises(StageError, match=r"train\.jsonl:2: 'utf-8' codec can't decode"):
        rows.read(path, words, 16, "cut", mask_prompt=True)


def test_a_chat_that_the_template_refuses_is_named(words: Any, tmp_path: Path) -> None:
    strict = copy.deepcopy(words)
    strict.chat_template = "{{ raise_exception('System role not supported') }}"
    path = written(tmp_path, {"prompt": "hi", "completion": "one"})
    with pytest.raises(StageError, match=r"train\.jsonl:1: the chat template refuses it: System role not supported"):
        rows.read(path, strict, 16, "cut", mask_prompt=True)


def test_what_was_refused_of_either_file_is_counted(words: Any, tmp_path: Path) -> None:
    train, refused = rows.read(written(tmp_path, {"text": "one"}, {"text": ""}), words, 64, "refuse", True)
    assert rows.count(train, train, refused, {}) == {
        "train": 1,
        "valid": 1,
        "valid_in_train": 1,
        "refused_or_cut": {"train": {"no_targets": 1}, "valid": {}},
    }


def test_a_few_rows_are_spread_over_all_of_them() -> None:
    all_of_them = [rows.Row(np.array([number, 0], np.int32), 1) for number in range(10)]
    assert [int(row.ids[0]) for row in rows.spread(all_of_them, 4)] == [0, 2, 5, 7]
    assert len(rows.spread(all_of_them, 99)) == len(rows.spread(all_of_them, 0)) == 10


@pytest.mark.parametrize(("train", "valid"), [(0, 1), (1, 1), (2, 0)])
def test_too_few_rows_are_refused_by_the_name_of_their_dataset(train: int, valid: int) -> None:
    row = rows.Row(np.array([1, 2], np.int32), 1)
    said = f"x/y: {train} rows to train on and {valid} to validate with, expected at least 2 and 1; add rows"
    with pytest.raises(StageError, match=said):
        rows.check_enough(Path("x/y"), [row] * train, [row] * valid)
    rows.check_enough(Path("x/y"), [row] * 2, [row])
