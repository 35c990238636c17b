"""A section of params.yaml as a strict, frozen model."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class ParamsError(FileNotFoundError):
    """A section of the params file that is missing or wrong; the message names file, key, value and what was expected."""


class Params(BaseModel):
    """Base of every section: no unknown keys, no conversion between types, no change after reading."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Section = TypeVar("Section", bound=Params)


def load(path: Path, section: str, model: type[Section]) -> Section:
    """The dotted `section` of the YAML file `path`, checked against `model`.

    The file is read as DVC reads it, by ruamel.yaml as YAML 1.2: `1e-5` is a float and `yes` is text.
    Raises ParamsError with one line that names the first wrong key.
    """
    try:
        found = YAML(typ="safe", pure=True).load(path)
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    for depth, key in enumerate(section.split(".")):
        if not isinstance(found, dict) or key not in found:
            here = ".".join(section.split(".")[:depth]) or "the file"
            has = ", ".join(map(str, found)) if isinstance(found, dict) else "no keys"
            raise ParamsError(f"{path}: section {section} not found; {here} has {has}")
        found = found[key]
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise ParamsError(f"{path}: {_first(error, section)}") from error


def _first(error: ValidationError, section: str) -> str:
    """The first complaint in `error` as `section.key is VALUE, expected ...`."""
    complaint = error.errors(include_url=False)[0]
    key = ".".join([section, *map(str, complaint["loc"])])
    match complaint["type"]:
        case "missing":
            return f"{key} is missing; add it"
        case "extra_forbidden":
            return f"{key} is not a known key; remove it or correct its name"
    rule = complaint["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{key} is {complaint['input']!r}, expected {rule}"
