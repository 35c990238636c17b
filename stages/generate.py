"""Write text or music with a base, an adapter, a merged, quantized or exported model.

The text, or one JSON object a line, goes to standard output, and how fast it went to standard error. The same seed
gives the same text. With --midi a prompt is a request such as "Generate a chorale in G major, 4/4": what is written
keeps to the grammar of music and becomes MIDI files.
"""

import argparse
import itertools
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import arguments
from stages.files import write_bytes, write_text
from stages.lora.forms import Model, folders, opened
from stages.lora.generate import encoded
from stages.lora.recipe import RECIPE
from stages.lora.rows import prompt_and_answer
from stages.lora.whole import read_object
from stages.midi import prepare, scoring, tokens, written
from stages.midi.grammar import Grammar
from stages.midi.masks import TokenMask
from stages.midi.vocabulary import MODEL_RESOLUTIONS, Vocabulary
from stages.midi.writer import write
from stages.run import StageError

LONGEST = 512  # tokens of a sample, where neither --max-tokens nor the context says less
ROW_FORMATS = ("text", "messages", "completions", "alpaca")
WRITTEN = re.compile(r"[0-9]+\.(txt|mid)")  # what --out gets


@dataclass(frozen=True)
class Music:
    """What is needed to write music: the vocabulary that the model learned, and the format of its rows."""

    vocabulary: Vocabulary
    format: str


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0, 1 for a set-up that can't work, 2 for a wrong command line, 130 after Ctrl-C.

    Each but 0 is said in one line. What was sampled until then has been printed and written. BrokenPipeError goes out.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        if options.midi and options.out is None:
            parser.error("--midi needs --out FOLDER, where the files go")
        prompts = _prompts(options.prompt, options.prompts)
        _check_unused(options.out)
        folder, adapter = folders(options.model, options.adapter)
        music = _music(adapter, folder) if options.midi else None
        _generate(opened(folder, adapter), music, prompts, options)
    except argparse.ArgumentError as error:
        parser.error(str(error))
    except BrokenPipeError:  # nobody reads what is printed: see arguments.status
        raise
    except (StageError, OSError) as error:
        print(f"generate: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("generate: stopped by SIGINT; what was sampled before is printed and written", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="generate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model folder of MLX or ONNX, or an adapter's lora/UUID or 'LoRA: name'")
    parser.add_argument("--adapter", type=Path, help="an adapter folder that belongs to the model")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--prompt", action="append", metavar="TEXT", help="may be given several times")
    given.add_argument("--prompts", type=Path, metavar="FILE", help='.jsonl rows with "prompt", or a prompt per line')
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--chat", action="store_true", help="as a user's turn; the default where there is a template")
    form.add_argument("--raw", action="store_true", help="the model reads the prompt as it is")
    parser.add_argument("--samples", type=arguments.whole, default=1, metavar="N", help="texts per prompt")
    together = "sampled together; 16 by default"
    parser.add_argument("--rows-at-once", type=arguments.whole, default=16, metavar="N", help=together)
    longest = f"of a text at most; by default {LONGEST}, or what the model's context leaves"
    parser.add_argument("--max-tokens", type=arguments.whole, metavar="N", help=longest)
    parser.add_argument("--temperature", type=arguments.temperature, default=1.0, metavar="T")
    parser.add_argument("--top-p", type=arguments.share, default=0.95, metavar="P")
    parser.add_argument("--seed", type=arguments.seed, default=1, metavar="S")
    parser.add_argument("--midi", action="store_true", help="prompts are requests for music; needs --out")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where 1.txt, 2.txt, ... go, and 1.mid, ...")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _prompts(given: Sequence[str] | None, file: Path | None) -> list[str]:
    """The prompts of the command line or of `file`. Raises StageError if one is empty, or the file has none."""
    if file is None:
        found = [(f"--prompt {number}", prompt) for number, prompt in enumerate(given or [], start=1)]
    else:
        lines = enumerate(_text(file).split("\n"), start=1)
        rows = [(f"{file}:{number}", line.removesuffix("\r")) for number, line in lines if line.strip()]
        found = [(place, _in_row(place, line)) for place, line in rows] if file.suffix == ".jsonl" else rows
    for place, prompt in found:
        if not prompt.strip():
            raise StageError(f"{place} is empty, expected a prompt")
        if any("\ud800" <= letter <= "\udfff" for letter in prompt):  # what Python makes of a byte that isn't UTF-8
            raise StageError(f"{place} isn't valid Unicode, expected UTF-8; write it in UTF-8")
    if not found:
        raise StageError(f"{file} has no prompt, expected one per line")
    return [prompt for _, prompt in found]


def _text(file: Path) -> str:
    """What `file` says, with or without a byte order mark."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StageError(f"{file}: byte {error.start} isn't UTF-8; save the file as UTF-8") from error


def _check_unused(out: Path | None) -> None:
    """Raise StageError if `out` holds samples of an earlier run, which would stand among those of this one."""
    held = sorted(file.name for file in out.iterdir() if WRITTEN.fullmatch(file.name)) if out and out.is_dir() else []
    if held:
        raise StageError(f"{out} holds {held[0]} of an earlier run; give another --out, or remove it")


def _in_row(place: str, line: str) -> str:
    """The prompt of a row in JSON."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise StageError(f"{place}: not JSON: {error}; a file with a prompt per line must not be a .jsonl") from error
    prompt = row.get("prompt") if isinstance(row, dict) else None
    if not isinstance(prompt, str):
        raise StageError(f'{place}: no prompt, expected {{"prompt": "..."}}')
    return prompt


def _music(adapter: Path | None, folder: Path) -> Music:
    """What the model learned of music, from the recipe of the adapter, else from that of its base."""
    places = [place / RECIPE for place in (adapter, folder) if place is not None]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise StageError(
            f"{' and '.join(map(str, places))} {'are' if len(places) > 1 else 'is'} missing, and with it the grid of "
            "the music; --midi needs a model that was trained on rows of midi.prepare"
        )
    recipe = read_object(file)
    resolution, kind = recipe.get("ticks_per_quarter"), recipe.get("format")
    if resolution not in MODEL_RESOLUTIONS or kind not in ROW_FORMATS:
        raise StageError(
            f"{file}: ticks_per_quarter is {resolution!r} and format {kind!r}, expected one of "
            f"{', '.join(map(str, MODEL_RESOLUTIONS))} and one of {', '.join(ROW_FORMATS)}; prepare and train again"
        )
    vocabulary = Vocabulary.model(resolution)
    if recipe.get("digest") != vocabulary.digest:
        raise StageError(
            f"{file}: digest {str(recipe.get('digest'))[:12]}, expected {vocabulary.digest[:12]}: the vocabulary has "
            "changed; prepare and train again"
        )
    return Music(vocabulary, kind)


def _generate(model: Model, music: Music | None, prompts: Sequence[str], options: argparse.Namespace) -> None:
    """Sample, and print and write what was sampled, a few at a time."""
    texts = [_whole_prompt(prompt, model.tokenizer, music, options) for prompt in prompts]
    most = _room(model, texts, options.max_tokens)
    pieces = scoring.pieces(model.tokenizer, music.vocabulary) if music else []
    masks = _masks(model, music.vocabulary, pieces, most) if music else None
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.out).close()  # or it says that nothing can be written there
    asked = [prompt for prompt in prompts for _ in range(options.samples)]
    numbers = itertools.count(1)

    def show(rows: list[list[int]]) -> None:
        for row, number in zip(rows, numbers):
            if music:
                text, file = _song(row, pieces, music.vocabulary, options.out / f"{number}.mid")
            else:
                text, file = model.tokenizer.decode(row), None
            if options.out:
                write_text(options.out / f"{number}.txt", text)
            ended = music is not None or len(row) < most  # a song always does: the masks see to it
            found = {"prompt": asked[number - 1], "text": text, "tokens": len(row), "ended": ended, "midi": file}
            line = json.dumps(found, ensure_ascii=False) if options.json else _block(found, number, len(asked))
            print(line, flush=True)

    started = time.perf_counter()
    rows = model.sample(
        [text for text in texts for _ in range(options.samples)],
        masks,
        max_tokens=most,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        rows_at_once=options.rows_at_once,
        done=show,
    )
    seconds = time.perf_counter() - started
    count = sum(map(len, rows))
    samples = "1 sample" if len(rows) == 1 else f"{len(rows)} samples"
    print(f"{samples}, {count} tokens: {count / seconds:.0f} tokens per second", file=sys.stderr)


def _song(row: Sequence[int], pieces: Sequence[Sequence[int]], vocabulary: Vocabulary, file: Path) -> tuple[str, str]:
    """The text of the song that model ids spell, and the MIDI file that it is written to."""
    named = written.named(row, pieces)
    write_bytes(file, write(tokens.decode(named, vocabulary)))
    return written.lines(named, vocabulary), str(file)


def _whole_prompt(prompt: str, tokenizer: Any, music: Music | None, options: argparse.Namespace) -> str:
    """All that the model reads before it writes: what stood before the answer in the rows that it learned."""
    has_template = tokenizer.chat_template is not None
    if options.chat and not has_template:
        raise StageError("--chat, but the model has no chat template; give --raw")
    if options.raw or not (music or has_template):
        return prompt
    row = prepare.formatted(music.format, prompt, " ") if music else {"prompt": prompt, "completion": " "}
    try:
        return prompt_and_answer(row, tokenizer)[0]
    except ValueError as error:
        raise StageError(f"the prompt can't be a user's turn: {error}; or give --raw") from error


def _room(model: Model, texts: Sequence[str], wanted: int | None) -> int:
    """How many tokens a sample may have.

    Raises ArgumentError if a prompt fills the model's context, StageError if there are fewer than `wanted`.
    """
    try:
        longest = max(map(len, encoded(model.tokenizer, texts)))
    except ValueError as error:
        raise StageError(f"{error}; give a longer one") from error
    if model.context is None:
        return wanted or LONGEST
    left = model.context - longest
    if left < 1:
        raise argparse.ArgumentError(
            None, f"a prompt of {longest} tokens, but the model's context is {model.context}; shorten it"
        )
    if wanted is not None and wanted > left:
        raise StageError(
            f"--max-tokens is {wanted}, but the model's context of {model.context} less a prompt of {longest} leaves "
            f"{left}; lower it"
        )
    return wanted or min(LONGEST, left)


def _masks(model: Model, vocabulary: Vocabulary, pieces: Sequence[Sequence[int]], most: int) -> TokenMask:
    """The grammar of music over the ids of the model's tokenizer."""
    try:
        masks = TokenMask(Grammar(vocabulary), pieces, model.vocabulary, model.ends)
    except ValueError as error:
        raise StageError(f"the model's tokenizer can't write music: {error}") from error
    if most < masks.minimum:
        raise StageError(f"--max-tokens leaves {most}, but the shortest song has {masks.minimum}; raise it")
    return masks


def _block(found: dict[str, Any], number: int, count: int) -> str:
    """A sample for people: its text alone, or below a line that says which of several it is."""
    text = str(found["text"]).rstrip("\n")
    if count == 1:
        return text
    file = f" -> {found['midi']}" if found["midi"] else ""
    return f"--- {number}/{count}: {' '.join(found['prompt'].split())[:80]}{file}\n{text}\n"


if __name__ == "__main__":
    raise SystemExit(arguments.status(main))
