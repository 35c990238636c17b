"""A section of params.yaml as a strict, frozen model."""

import reprlib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

# What pydantic's type errors are called here; all others say themselves what they expected.
EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table of keys and values",
    "float_type": "a number",
    "int_type": "int",
    "list_type": "a list",
    "model_type": "a table of keys and values",
    "string_type": "text",
    "tuple_type": "a list",
}


class ParamsError(Exception):
    """A section of the params file that is missing or wrong: one line with file, key, value and what was expected."""


class Params(BaseModel):
    """Base of every section: no unknown keys, no conversion between types, no change after reading, finite numbers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


Section = TypeVar("Section", bound=Params)


def load(path: Path, section: str, model: type[Section]) -> Section:
    """The dotted `section` of the YAML file `path`, checked against `model`.

    The file is read as DVC reads it, by ruamel.yaml as YAML 1.2: `1e-5` is a float and `yes` is text.
    Raises ParamsError with one line that names the first wrong key, OSError if there is no such file.
    """
    found = _yaml(path)
    keys = section.split(".")
    for depth, key in enumerate(keys):
        if not isinstance(found, dict) or key not in found:
            here = ".".join(keys[:depth]) or "the file"
            has = ", ".join(map(str, found)) if isinstance(found, dict) else "no keys"
            raise ParamsError(f"{path}: section {section} not found; {here} has {has}")
        found = found[key]
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise ParamsError(f"{path}: {_first(error, section)}") from error


def _yaml(path: Path) -> Any:
    """What the YAML file `path` holds."""
    try:
        return YAML(typ="safe", pure=True).load(path)
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ParamsError(f"{path}{line}: not YAML: {error.problem or error.context}") from error
    except (YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a number or date that isn't one
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


def _first(error: ValidationError, section: str) -> str:
    """The first complaint in `error` as `section.key is VALUE, expected ...`."""
    complaint = error.errors(include_url=False)[0]
    key = ".".join([section, *map(str, complaint["loc"])]).removesuffix(".[key]")
    match complaint["type"]:
        case "missing":
            return f"{key} is missing; add it"
        case "extra_forbidden":
            return f"{key} is not a known key; remove it or correct its name"
    rule = complaint["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{key} is {reprlib.repr(complaint['input'])}, expected {EXPECTED.get(complaint['type'], rule)}"
