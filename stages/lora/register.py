"""Keep adapters in a registry of the user's own: add, list, show, verify, delete."""

import argparse
import json
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stages import arguments
from stages.lora import registry
from stages.lora.registry import Entry
from stages.run import StageError

WIDTH = 100  # characters of a line for people
Options = argparse.Namespace
REF = "lora/UUID, `LoRA: name`, a UUID, a name, or how one of these begins"


def add(options: Options) -> int:
    """Copy an adapter into the registry."""
    entry, new = registry.add(options.adapter, options.base, options.name)
    _tell(options, {**_facts(entry), "added": new}, [f"{entry.ref}  {entry.title}{'' if new else ' is there already'}"])
    return 0


def list_all(options: Options) -> int:
    """One line per adapter; the state is found from the files' hashes, and from whether the base is there."""
    kept = registry.entries()
    rows = [(entry.ref, entry.title, _kind(entry), _created(entry), _state(entry)) for entry in kept]
    facts = [{**_facts(entry), "state": row[-1]} for entry, row in zip(kept, rows)]
    none = [f"no adapters in {registry.root()}; `python -m stages.lora.register add ADAPTER --base BASE` adds one"]
    _tell(options, facts, _table([("adapter", "name", "kind", "added", "state"), *rows]) if rows else none)
    return 0


def show(options: Options) -> int:
    """All that is known of one adapter."""
    entry = registry.resolve(options.ref)
    facts = {**_facts(entry), "state": _state(entry)}
    rows = {"adapter": entry.ref, "name": entry.title, "folder": entry.folder, "state": facts["state"]}
    rows |= {key: value for key, value in entry.metadata.items() if key not in ("id", "adapterName")}
    _tell(options, facts, [line for key, value in rows.items() for line in _wrapped(key, value)])
    return 0


def verify(options: Options) -> int:
    """Check the files of one adapter or all, and their bases, by hash."""
    chosen = [registry.resolve(options.ref)] if options.ref else registry.entries()
    facts = [{**_facts(entry), "problems": registry.problems(entry)} for entry in chosen]
    _tell(options, facts, [f"{fact['ref']}  {fact['title']}: ok" for fact in facts if not fact["problems"]])
    for fact in facts:
        for problem in [] if options.json else fact["problems"]:
            print(f"{fact['title']} ({fact['ref']}): {problem}", file=sys.stderr)
    return int(any(fact["problems"] for fact in facts))


def delete(options: Options) -> int:
    """Remove an adapter from the registry."""
    entry = registry.resolve(options.ref)
    if not options.yes:
        if not sys.stdin.isatty():
            raise StageError(f"standard input is no terminal to ask on; give --yes to delete {entry.title} {entry.ref}")
        # not by input(): it would write the question to standard output, which is a program's
        print(f"delete {entry.title} ({entry.ref})? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise StageError(f"{entry.title} ({entry.ref}) was kept")
    registry.delete(entry)
    _tell(options, {**_facts(entry), "deleted": True}, [f"deleted {entry.title} ({entry.ref})"])
    return 0


COMMANDS: dict[str, Callable[[Options], int]] = {
    "add": add,
    "list": list_all,
    "show": show,
    "verify": verify,
    "delete": delete,
}


def main(argv: list[str] | None = None) -> int:
    """Exit status of the command that `argv` names: 1, after one line, if it can't be done or an entry is damaged."""
    options = _parser().parse_args(argv)
    try:
        return COMMANDS[options.command](options)
    except BrokenPipeError:  # nobody reads what is printed: see arguments.status
        raise
    except (StageError, OSError) as error:
        print(f"register: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stages.lora.register", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, help=command.__doc__) for name, command in COMMANDS.items()}
    parsers["add"].add_argument("adapter", type=Path, help="an adapter folder")
    parsers["add"].add_argument("--base", type=Path, required=True, help="the model folder that it was trained on")
    parsers["add"].add_argument("--name", help="what to call it, if not by the name in its metadata.json")
    parsers["show"].add_argument("ref", help=REF)
    parsers["verify"].add_argument("ref", nargs="?", help=f"{REF}; all without it")
    parsers["delete"].add_argument("ref", help=REF)
    parsers["delete"].add_argument("--yes", action="store_true", help="don't ask")
    for command in parsers.values():
        command.add_argument("--json", action="store_true", help="JSON on standard output, for programs")
    return parser


def _tell(options: Options, facts: object, lines: Sequence[str]) -> None:
    if options.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            print(line)


def _facts(entry: Entry) -> dict[str, Any]:
    """What programs are told of `entry`."""
    names = {"id": entry.id, "ref": entry.ref, "name": entry.name, "title": entry.title}
    return {**names, "folder": str(entry.folder), "base": str(entry.base), "metadata": dict(entry.metadata)}


def _state(entry: Entry) -> str:
    if registry.damage(entry):
        return "damaged"
    return "ok" if entry.base.is_dir() else "no base"


def _kind(entry: Entry) -> str:
    kind, rank = (entry.metadata.get(key) for key in ("fineTuneType", "rank"))
    return _cut(f"{kind} {rank}" if kind and rank else str(kind or "?"), 10)


def _created(entry: Entry) -> str:
    """The day that `entry` was added, in UTC."""
    return str(entry.metadata.get("createdAt", "?"))[:10]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """`rows` in columns that fit WIDTH: the second, a name, is cut for that."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths[1] -= max(sum(widths) + 2 * (len(widths) - 1) - WIDTH, 0)
    cut = [[row[0], _cut(row[1], widths[1]), *row[2:]] for row in rows]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cut]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _wrapped(key: str, value: object) -> list[str]:
    """`key` and `value` in lines that fit WIDTH."""
    text = value if isinstance(value, str | Path) else json.dumps(value, ensure_ascii=False)
    return textwrap.wrap(f"{key + ':':16} {text}", WIDTH, subsequent_indent=" " * 17, break_on_hyphens=False) or [key]


if __name__ == "__main__":
    raise SystemExit(arguments.status(main))
