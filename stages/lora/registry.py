"""The adapters kept for use beyond one workspace: a folder each, checked by hash, listed as `lora/UUID`.

They lie in `REFRAIN_REGISTRY`, else in the user's data folder. Each folder is an adapter that mlx-lm loads; its
metadata.json is the adapter's own with what the registry adds to it.
"""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_data_path

from stages.files import replacing_folder, sha256_file, sha256_tree, write_json
from stages.lora.metadata import check_pair
from stages.lora.recipe import RECIPE
from stages.lora.whole import check_adapter, check_base, check_fit, read_object
from stages.run import StageError
from stages.store import digest

FILES = ("adapter_config.json", "adapters.safetensors", RECIPE)  # the last one only of an adapter that has it
METADATA = "metadata.json"
PLACE = ("id", "createdAt", "basePath")  # what metadata.json says of this registry, not of the adapter
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "refrain/lora")
LONGEST_NAME = 100
MOST_CANDIDATES = 5  # named where a reference is ambiguous or unknown


@dataclass(frozen=True)
class Entry:
    """One adapter of the registry. The metadata of a damaged one may be empty, and its name and base with it."""

    id: str
    folder: Path
    metadata: Mapping[str, Any]

    @property
    def ref(self) -> str:
        """What it is listed as."""
        return f"lora/{self.id}"

    @property
    def name(self) -> str:
        """What its user calls it; several may share a name."""
        return str(self.metadata.get("adapterName", ""))

    @property
    def title(self) -> str:
        """What it is shown as."""
        return f"LoRA: {self.name or '?'}"

    @property
    def base(self) -> Path:
        """The model folder that it belongs to."""
        return Path(str(self.metadata.get("basePath", "")))


def root() -> Path:
    """The folder that all entries lie in."""
    found = os.environ.get("REFRAIN_REGISTRY")
    return Path(found).expanduser().absolute() if found else user_data_path("refrain") / "lora"


def entries() -> list[Entry]:
    """All entries, damaged ones too, by name."""
    folders = root().iterdir() if root().is_dir() else iter(())
    found = [_entry(folder) for folder in folders if _is_uuid(folder.name) and _is_folder(folder)]
    return sorted(found, key=lambda entry: (entry.name, entry.id))


def find(ref: str) -> Entry:
    """The entry that `ref` names, with its files and its base as they were when it was added.

    Raises StageError with one line if `ref` is unknown or ambiguous, and if a hash differs: a base that was trained
    again at the same path would give other text with no sign of it.
    """
    entry = resolve(ref)
    for problem in problems(entry):
        raise StageError(f"{entry.title} ({entry.ref}): {problem}")
    return entry


def resolve(ref: str) -> Entry:
    """The entry that `ref` names, whole or not: `lora/UUID`, `LoRA: name`, a UUID, a name, or how one of these begins.

    A whole UUID or name goes before a beginning. Raises StageError with the candidates if there isn't exactly one.
    """
    kept = entries()
    by_id, by_name = ref.removeprefix("lora/").lower(), ref.removeprefix("LoRA:").strip()
    ids, names = not ref.startswith("LoRA:"), not ref.startswith("lora/")
    tiers: list[Callable[[Entry], bool]] = [
        lambda entry: (ids and entry.id == by_id) or (names and bool(entry.name) and entry.name == by_name),
        lambda entry: (
            (ids and bool(by_id) and entry.id.startswith(by_id))
            or (names and bool(by_name) and entry.name.startswith(by_name))
        ),
    ]
    for fits in tiers:
        found = [entry for entry in kept if fits(entry)]
        if len(found) == 1:
            return found[0]
        if found:
            raise StageError(f"adapter {ref!r} is ambiguous; give more of the UUID: {_candidates(found)}")
    if not kept:
        raise StageError(
            f"adapter {ref!r} is unknown: {root()} is empty; `python -m stages.lora.register add` adds one"
        )
    raise StageError(f"adapter {ref!r} is unknown; there are {_candidates(kept)}")


def add(adapter: Path, base: Path, name: str | None = None) -> tuple[Entry, bool]:
    """The entry of `adapter` for `base`, and whether it was written now; `name` goes before the adapter's own.

    One that is there already is written again only if it is damaged, or if the base lies elsewhere now. An adapter with
    no metadata.json, as mlx-lm's own command leaves it, needs `name`, and is taken to belong to `base`.
    Raises StageError if one of the folders isn't whole, or if `base` isn't the one that the adapter was trained on or
    has no place for it.
    """
    updates, weights = check_adapter(adapter), check_base(base)
    found = sha256_tree(base)
    own = read_object(adapter / METADATA) if (adapter / METADATA).is_file() else _told_by_config(adapter, found)
    check_pair(adapter, base, found)
    check_fit(base, weights, adapter, updates)
    told = {key: value for key, value in own.items() if key not in PLACE}
    files = {file: sha256_file(adapter / file) for file in FILES if (adapter / file).is_file()}
    if own.get("files", files) != files:  # a folder of another registry, damaged on its way
        raise StageError(f"{adapter / METADATA}: files have other hashes than it says; copy {adapter} again")
    told |= {"adapterName": _checked_name(name or own.get("adapterName"), adapter), "baseHash": found, "files": files}
    identity = _identity(told)
    folder = root() / identity
    with _locked():
        old = _entry(folder)
        if old.base == base.absolute() and not damage(old):
            return old, False
        with replacing_folder(folder) as temporary:
            for file, expected in files.items():
                shutil.copyfile(adapter / file, temporary / file)
                if sha256_file(temporary / file) != expected:
                    raise StageError(f"{adapter / file} changed while it was copied; add it again")
            now = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(
                temporary / METADATA, told | {"id": identity, "createdAt": now, "basePath": str(base.absolute())}
            )
    return _entry(folder), True


def delete(entry: Entry) -> None:
    """Remove `entry` from the registry, at once for all that look; its base stays.

    Raises StageError, and removes nothing, unless its folder is one of the registry's own with nothing else in it.
    """
    with _locked():
        if entry.folder != root() / entry.id or not _is_uuid(entry.id) or not _is_folder(entry.folder):
            raise StageError(f"{entry.folder} is no folder of {root()}; nothing was deleted")
        others = sorted({file.name for file in entry.folder.iterdir()} - {*FILES, METADATA, ".DS_Store"})
        if others:
            raise StageError(f"{entry.folder} holds {others[0]}, which the registry didn't write; move it away first")
        gone = entry.folder.with_name(f".{entry.id}.deleted")
        entry.folder.rename(gone)
        shutil.rmtree(gone)


def problems(entry: Entry) -> list[str]:
    """What is wrong with the files of `entry` and with its base, in lines."""
    found = damage(entry)
    return [*found, *base_damage(entry)] if entry.metadata else found


def damage(entry: Entry) -> list[str]:
    """What is wrong with the files of `entry`, in lines."""
    file = entry.folder / METADATA
    again = f"delete {entry.ref} and add the adapter again"
    try:
        metadata = read_object(file)
        identity = _identity(metadata)
    except (OSError, StageError) as error:
        return [f"{error}; {again}"]
    if identity != entry.id:
        return [f"{file} isn't what was written: its content belongs to lora/{identity}; {again}"]
    files = metadata["files"]
    lines = []
    if RECIPE not in files and (entry.folder / RECIPE).exists():
        lines.append(f"{entry.folder / RECIPE} isn't the registry's: the adapter had none; remove it")
    for name, expected in files.items():
        try:
            found = sha256_file(entry.folder / name)
        except OSError as error:
            lines.append(f"{entry.folder / name} can't be read ({error.strerror}); {again}")
            continue
        if found != expected:
            lines.append(f"{entry.folder / name} has sha256 {found}, expected {expected}; {again}")
    return lines


def base_damage(entry: Entry) -> list[str]:
    """What is wrong with the base of `entry`, in lines."""
    try:
        check_base(entry.base)
        found = sha256_tree(entry.base)
    except (OSError, StageError) as error:
        return [str(error)]
    expected = entry.metadata.get("baseHash")
    if found == expected:
        return []
    return [f"base {entry.base} has hash {found}, expected {expected}; add the adapter again with the base it is for"]


def _entry(folder: Path) -> Entry:
    try:
        return Entry(folder.name, folder, read_object(folder / METADATA))
    except (OSError, StageError):
        return Entry(folder.name, folder, {})


def _told_by_config(adapter: Path, base_hash: str) -> dict[str, Any]:
    """Metadata of an `adapter` that has none, for a base of `base_hash`: its kind and size."""
    config = read_object(adapter / "adapter_config.json")
    settings = config.get("lora_parameters") or {}
    size = {key: settings[key] for key in ("rank", "scale", "dropout") if config["fine_tune_type"] != "full"}
    return {"baseHash": base_hash, "fineTuneType": config["fine_tune_type"], **size}


def _identity(metadata: Mapping[str, Any]) -> str:
    """The UUID of an adapter: a hash of its name and of what metadata.json says of it, its files' hashes among that.

    Being a hash (uuid5) and not a draw (uuid4), it makes adding twice the same as adding once, is the same on every
    machine, and shows whether metadata.json, which can't hold its own hash, is still what was written.
    """
    try:
        content = digest({key: value for key, value in metadata.items() if key not in PLACE})
    except ValueError as error:
        raise StageError(f"metadata.json holds NaN or infinity, which JSON doesn't have ({error})") from error
    return str(uuid.uuid5(NAMESPACE, content))


def _checked_name(name: object, adapter: Path) -> str:
    if not name:
        raise StageError(f"{adapter / METADATA} has no adapterName; give --name")
    usable = isinstance(name, str) and name.isprintable() and name == name.strip() and len(name) <= LONGEST_NAME
    if not usable or str(name).startswith(("lora/", "LoRA:")):
        raise StageError(
            f"name {name!r}: expected one line of at most {LONGEST_NAME} characters, with no spaces around it and no "
            "lora/ or LoRA: before it; give another with --name"
        )
    return str(name)


def _candidates(found: Sequence[Entry]) -> str:
    shown = ", ".join(f"{entry.title} ({entry.ref})" for entry in found[:MOST_CANDIDATES])
    more = len(found) - MOST_CANDIDATES
    return f"{shown} and {more} more" if more > 0 else shown


def _is_uuid(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name) is not None


def _is_folder(path: Path) -> bool:
    """Whether `path` is itself a folder; a link could lead out of the registry."""
    return path.is_dir() and not path.is_symlink()


@contextmanager
def _locked() -> Iterator[None]:
    """The registry, held by this process alone until the block ends, without what a killed one left half-done."""
    root().mkdir(parents=True, exist_ok=True)
    with FileLock(root() / ".lock"):
        for left in root().glob(".*.*"):
            if _is_uuid(left.name[1:37]) and left.name[37:38] == "." and _is_folder(left):
                shutil.rmtree(left)
        yield
