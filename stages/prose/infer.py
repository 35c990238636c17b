"""Rewrite prose in an author's style with a model that was trained on it: text in, styled text out.

Each paragraph is made neutral, disturbed and asked about just as the rows that the model learned from; those that are
shorter than all of these are asked about together with their neighbours. What the model writes is checked against the
paragraph: content, names and numbers, copied runs, loops, an end that breaks off. What can be mended is, the rest is
tried again, and what stays wrong is said on standard error. Headings, lists, code and short paragraphs pass through,
and footnote marks come back. The same seed gives the same text.

Exit status: 0; 1 if it can't work, 2 for a wrong command line, 3 with --strict if a fault stays, 130 after Ctrl-C, 141
if nobody reads the output any more.
"""

import argparse
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stages import arguments
from stages.lora.forms import folders, opened
from stages.lora.onnx_runtime import CONFIG
from stages.lora.whole import check_adapter, check_base
from stages.params import ParamsError
from stages.prose import writing
from stages.prose.blocks import Block, blocks
from stages.prose.jobs import Passage
from stages.prose.learned import DATASET, checked_recipe, trained_rows
from stages.prose.neutral import PARAMS, SECTION, check_first
from stages.prose.output import Output
from stages.prose.passages import parts, together
from stages.prose.persona import Recipe
from stages.prose.text import words
from stages.run import StageError

MIN_WORDS = 20  # a shorter paragraph passes through
BAD = 3  # exit status under --strict, if a fault stays


def main(argv: list[str] | None = None) -> int:
    """The exit status. Each of 1, 2 and 130 is said in one line.

    What was finished until then has been printed, but nothing is written to --out.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.show_prompt and not options.json:
        parser.error("--show-prompt shows nothing without --json")
    try:
        count = _infer(options)
    except BrokenPipeError:  # nobody reads what is printed: see arguments.status
        raise
    except (StageError, ParamsError, OSError) as error:
        print(f"infer: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        rest = f"{options.out} isn't written" if options.out else "what was finished before is printed"
        print(f"infer: stopped by SIGINT; {rest}", file=sys.stderr)
        return 128 + signal.SIGINT
    return BAD if count and options.strict else 0


def _parser() -> arguments.Parser:
    parser = arguments.Parser(prog="infer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model folder of MLX or ONNX, or an adapter's lora/UUID or 'LoRA: name'")
    parser.add_argument("file", nargs="?", type=Path, help="the text, UTF-8; standard input if there is none")
    parser.add_argument("--adapter", type=Path, metavar="FOLDER", help="an adapter folder that belongs to the model")
    where = "where the text goes, in place of what is there; standard output by default"
    parser.add_argument("--out", type=Path, metavar="FILE", help=where)
    parser.add_argument("--json", action="store_true", help="one JSON object a passage on standard output")
    parser.add_argument("--show-prompt", action="store_true", help="with --json: the prompts, too")
    before = parser.add_mutually_exclusive_group()
    before.add_argument("--plain", action="store_true", help="the text is plain prose already: it isn't made neutral")
    firsts = {"narrativize": "make a narrative of it first", "expand": "make whole sentences of notes first"}
    for task, what in firsts.items():
        before.add_argument(
            f"--{task}", dest="first", action="store_const", const=task, help=f"{what}; needs a model for it"
        )
    parser.add_argument("--any-recipe", action="store_true", help="go on if the model was trained on other prompts")
    section = f"where {SECTION} says how a model or an endpoint rewrites; {PARAMS} by default"
    parser.add_argument("--params-file", type=Path, default=PARAMS, metavar="FILE", help=section)
    rows = f"a dataset whose targets mustn't be copied; {DATASET} by default, if it is there"
    parser.add_argument("--dataset", type=Path, metavar="FOLDER", help=rows)
    shorter = f"a shorter paragraph passes through; {MIN_WORDS} by default"
    parser.add_argument("--min-words", type=arguments.whole, default=MIN_WORDS, metavar="N", help=shorter)
    longer = "a longer paragraph is rewritten in parts; by default that of the longest text that the model learned from"
    parser.add_argument("--max-words", type=arguments.whole, metavar="N", help=longer)
    tries = "of a part with faults; 3 by default"
    parser.add_argument("--tries", type=arguments.whole, default=3, metavar="N", help=tries)
    parser.add_argument("--keep-failed", action="store_true", help="a paragraph with faults keeps its own text")
    parser.add_argument("--strict", action="store_true", help=f"exit status {BAD} if a fault stays")
    warmth = "0 takes the likeliest token; 0.7 by default"
    parser.add_argument("--temperature", type=arguments.temperature, default=0.7, metavar="T", help=warmth)
    likeliest = "draw from the likeliest tokens that reach this share of probability; 0.95 by default"
    parser.add_argument("--top-p", type=arguments.share, default=0.95, metavar="P", help=likeliest)
    other = "another one gives another text; 1 by default"
    parser.add_argument("--seed", type=arguments.seed, default=1, metavar="S", help=other)
    together = "parts that are written together; 16 by default"
    parser.add_argument("--rows-at-once", type=arguments.whole, default=16, metavar="N", help=together)
    longest = "of a part at most; by default twice what the words asked for take"
    parser.add_argument("--max-tokens", type=arguments.whole, metavar="N", help=longest)
    return parser


def _infer(options: argparse.Namespace) -> int:
    """Rewrite the text; the number of faults that stay."""
    check_first(options)
    mark, document = _document(options.file)
    _check_writable(options.out, options.file)
    folder, adapter = folders(options.model, options.adapter)
    _check_model(folder, adapter)
    trained, dataset = trained_rows(options.dataset)
    recipe = checked_recipe(folder, adapter, dataset, options.any_recipe)

    found, tail = blocks(document, options.min_words)
    passages = _passages(found, recipe, options.max_words or recipe.words_most)
    output = Output(passages, mark, tail, _newline(document), options)
    if not any(passage.parts for passage in passages):
        print(f"infer: no paragraph of at least {options.min_words} words; all passes through", file=sys.stderr)
        return output.end()

    _warn_of_short(passages, recipe)
    asked = writing.asked(passages, recipe, options)
    model = opened(folder, adapter)  # not before: what makes plain prose may be a model, too
    jobs = writing.jobs(passages, asked, model, recipe, options)
    output.show()
    for job, written in writing.written(jobs, model, trained, options):
        passages[job.passage].done[job.place] = job, written
        output.show()
    return output.end()


def _passages(found: Sequence[Block], recipe: Recipe, most: int) -> list[Passage]:
    """What is rewritten at once and what passes through, in parts of at most `most` words.

    Paragraphs shorter than all that the model learned from are rewritten together with their neighbours.
    """
    passages, number = [], 1
    for group in together(found, min(recipe.words_least, most), most):
        text = "\n\n".join(block.text for block in group)
        passages.append(Passage(group, number, [] if group[0].kept else parts(text, most)))
        number += len(group)
    return passages


def _warn_of_short(passages: Sequence[Passage], recipe: Recipe) -> None:
    """Say in one line how much the model is asked that is shorter than all that it learned from."""
    counts = [len(words(part.text)) for passage in passages for part in passage.parts]
    short = [count for count in counts if count < recipe.words_least]
    if short:
        are = "is" if len(short) == 1 else "are"
        print(
            f"infer: {len(short)} of {len(counts)} passages {are} shorter than all that the model learned from "
            f"({min(short)} words, and there {recipe.words_least} and more): what it makes of them may stray",
            file=sys.stderr,
        )


def _document(file: Path | None) -> tuple[str, str]:
    """The byte order mark of the text, if it has one, and the text. Raises StageError if it is none."""
    name = str(file) if file else "standard input"
    data = _bytes(file)
    if b"\0" in data:
        raise StageError(f"{name}: byte {data.index(0)} is 0, so this is no text; give a text file in UTF-8")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise StageError(f"{name}: byte {error.start} isn't UTF-8; save the file as UTF-8") from error
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    if not text.removeprefix(mark).strip():
        raise StageError(f"{name} is empty, expected a text")
    return mark, text.removeprefix(mark)


def _bytes(file: Path | None) -> bytes:
    """What `file` holds, or standard input. Raises StageError if it can't be read."""
    if file is None:
        if sys.stdin.isatty():
            print("infer: reading standard input until Ctrl-D, as no file is named", file=sys.stderr)
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise StageError(f"{file} can't be read: {error.strerror}; give a text file in UTF-8") from error


def _check_writable(out: Path | None, file: Path | None) -> None:
    """Raise StageError at once, and not after hours of work, if the text can't go to `out`."""
    if out is None:
        return
    if out.is_dir():
        raise StageError(f"--out {out} is a folder, expected a file")
    if out.exists() and not out.is_file():  # /dev/stdout: a file would take the place of the device
        raise StageError(f"--out {out} is a device or a pipe, expected a file; leave --out out to print the text")
    if file and out.exists() and file.samefile(out):
        raise StageError(f"--out {out} is the text itself, which would be lost; give another file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out.parent).close()
    except OSError as error:
        raise StageError(f"--out {out} can't be written: {out.parent}: {error.strerror}; give another file") from error


def _check_model(folder: Path, adapter: Path | None) -> None:
    """Raise StageError at once, and not after the text was made neutral, if a file of the model is missing."""
    if (folder / CONFIG).is_file():  # an exported model, which is checked as it is opened
        return
    if (folder / "adapters.safetensors").is_file() and not (folder / "config.json").is_file():
        raise StageError(f"{folder} is an adapter, expected a model; give its base, and --adapter {folder}")
    check_base(folder)
    if adapter:
        check_adapter(adapter)


def _newline(document: str) -> str:
    """How lines end in `document`: as the first one does."""
    match = re.search(r"\r\n|\r|\n", document)
    return match.group() if match else "\n"


if __name__ == "__main__":
    raise SystemExit(arguments.status(main))
