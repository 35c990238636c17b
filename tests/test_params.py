from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from stages.params import Params, ParamsError, load


class Split(Params):
    share: float = Field(gt=0, lt=1)


class Example(Params):
    words: int = Field(ge=1)
    rate: float
    name: str
    on: bool
    files: list[str]
    top: int | None
    splits: dict[Annotated[str, Field(pattern="^[a-z]+$")], Split]


GOOD = {
    "words": "3",
    "rate": "1e-5",
    "name": "yes",
    "on": "true",
    "files": "[a, b]",
    "top": "null",
    "splits": "{valid: {share: 0.1}}",
}


def example(tmp_path: Path, **changes: str) -> Example:
    """The section x.y of a file with the values of GOOD and `changes`; an empty value leaves its key out."""
    lines = [f"    {key}: {value}\n" for key, value in (GOOD | changes).items() if value]
    (tmp_path / "params.yaml").write_text("x:\n  y:\n" + "".join(lines))
    return load(tmp_path / "params.yaml", "x.y", Example)


def test_values_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    found = example(tmp_path)
    assert found.rate == 0.00001  # PyYAML would give the text "1e-5"
    assert found.name == "yes"  # and True for this
    assert found.splits["valid"].share == 0.1
    assert found.top is None


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert example(tmp_path, rate="2").rate == 2.0


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"words": "3.5"}, "x.y.words is 3.5, expected int"),
        ({"words": "3.0"}, "x.y.words is 3.0, expected int"),
        ({"words": "'3'"}, "x.y.words is '3', expected int"),
        ({"words": "true"}, "x.y.words is True, expected int"),
        ({"words": "null"}, "x.y.words is None, expected int"),
        ({"words": "0"}, "x.y.words is 0, expected greater than or equal to 1"),
        ({"rate": "fast"}, "x.y.rate is 'fast', expected a number"),
        ({"rate": ".nan"}, "x.y.rate is nan, expected a finite number"),
        ({"rate": ".inf"}, "x.y.rate is inf, expected a finite number"),
        ({"name": "3"}, "x.y.name is 3, expected text"),
        ({"on": "yes"}, "x.y.on is 'yes', expected true or false"),
        ({"files": "a"}, "x.y.files is 'a', expected a list"),
        ({"files": "[a, 1]"}, "x.y.files.1 is 1, expected text"),
        ({"top": "2.5"}, "x.y.top is 2.5, expected int"),
        ({"splits": "3"}, "x.y.splits is 3, expected a table of keys and values"),
        ({"splits": "{valid: 0.1}"}, "x.y.splits.valid is 0.1, expected a table of keys and values"),
        ({"splits": "{valid: {share: 1.5}}"}, "x.y.splits.valid.share is 1.5, expected less than 1"),
        ({"splits": "{valid: {}}"}, "x.y.splits.valid.share is missing; add it"),
        ({"splits": "{V: {share: 0.5}}"}, "x.y.splits.V is 'V', expected String should match pattern '^[a-z]+$'"),
        ({"words": ""}, "x.y.words is missing; add it"),
        ({"wrods": "3"}, "x.y.wrods is not a known key; remove it or correct its name"),
    ],
)
def test_a_wrong_value_is_one_line_with_key_value_and_what_was_expected(
    tmp_path: Path, change: dict[str, str], line: str
) -> None:
    with pytest.raises(ParamsError) as caught:
        example(tmp_path, **change)
    assert str(caught.value) == f"{tmp_path / 'params.yaml'}: {line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": section x.y not found; the file has no keys"),
        ("a: 1\nb: 2\n", ": section x.y not found; the file has a, b"),
        ("x:\n  z: 1\n", ": section x.y not found; x has z"),
        ("x: 3\n", ": section x.y not found; x has no keys"),
        ("x:\n  y:\n", ": x.y is None, expected a table of keys and values"),
        ("x:\n  y: 1\n  y: 2\n", ':3: not YAML: found duplicate key "y" with value "2" (original value: "1")'),
        ("x: [1, 2\n", ":2: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("x:\n\ty: 1\n", ":2: not YAML: found character '\\t' that cannot start any token"),
        ("x: {{ y }}\n", None),
        ("x: !!python/object:os.system 1\n", None),
        ("x: 2026-13-45\n", None),
        ("x: \x00\n", None),
    ],
)
def test_a_file_that_has_no_such_section_or_is_no_yaml_is_one_line(tmp_path: Path, text: str, line: str | None) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as caught:
        load(path, "x.y", Example)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert line is None or str(caught.value) == f"{path}{line}"


def test_what_is_not_utf_8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"x: \xff\xfe\n")
    with pytest.raises(ParamsError, match="not YAML"):
        load(tmp_path / "params.yaml", "x", Example)


@given(st.text(alphabet="xy:[]{}#&*!|>'\"%@`-? \n\t01.~", max_size=40))
def test_any_text_gives_params_or_a_params_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as caught:
        load(path, "x.y", Example)
    assert "\n" not in str(caught.value)


def test_params_cannot_be_changed(tmp_path: Path) -> None:
    found = example(tmp_path)
    with pytest.raises(ValidationError):
        found.words = 4
