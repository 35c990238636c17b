"""Show what became of a text: paragraphs in their order as soon as they are whole, and what is wrong with them."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stages.files import write_text
from stages.prose.blocks import in_place
from stages.prose.checks import Fault
from stages.prose.jobs import Passage
from stages.prose.passages import noted
from stages.prose.shingles import longest_run

BEGINNING = 40  # characters of a paragraph, by which a user finds it


class Output:
    """Where paragraphs go. Put together with the white space around them they are the whole text."""

    def __init__(
        self, passages: Sequence[Passage], mark: str, tail: str, newline: str, options: argparse.Namespace
    ) -> None:
        self.passages = passages
        self.newline = newline
        self.options = options
        # After each passage comes the white space before the next one, so that a terminal has ended its line.
        self.after = [*(passage.blocks[0].before for passage in passages[1:]), tail]
        self.pieces = [mark, *(passage.blocks[0].before for passage in passages[:1])]
        self.shown = 0
        self.kinds: Counter[str] = Counter()  # of paragraphs: of what passed through, or was rewritten
        self.faulty = 0  # paragraphs
        self.faults = 0

    def show(self) -> None:
        """Show the passages up to the first that isn't whole."""
        while self.shown < len(self.passages) and self.passages[self.shown].is_whole:
            self._show(self.passages[self.shown])
            self.shown += 1

    def _show(self, passage: Passage) -> None:
        found = [passage.failed] if passage.failed else []
        found += [fault for _, written in passage.written for fault in written.faults]
        text, keeps = self._text(passage, found)
        count = len(passage.blocks)
        if found:
            self.faults += len(found)
            self.faulty += count
            self._complain(passage, found, keeps)
        self.kinds[passage.blocks[0].kept or ("kept" if keeps else "rewritten")] += count
        self.pieces += [text, self.after[self.shown]]
        if self.options.json:
            self._say(json.dumps(self._row(passage, text, found), ensure_ascii=False) + "\n")
        elif not self.options.out:
            self._say("".join(self.pieces))
            self.pieces = []

    def _complain(self, passage: Passage, found: Sequence[Fault], keeps: bool) -> None:
        """Say in one line what is wrong with the passage that is about to be shown."""
        whole = " ".join(passage.text.split())
        begins = whole if len(whole) <= BEGINNING else f"{whole[:BEGINNING].rsplit(' ', 1)[0]} ..."
        kept = "; it keeps its own text" if keeps else ""
        last = passage.number + len(passage.blocks) - 1
        place = f"paragraph {last}" if last == passage.number else f"paragraphs {passage.number} to {last}"
        line = f"infer: {place} ({begins}): {'; '.join(map(str, found))}{kept}"
        # what a model wrote may steer a terminal
        print("".join(one if one.isprintable() else "\ufffd" for one in line), file=sys.stderr)

    def _text(self, passage: Passage, found: Sequence[Fault]) -> tuple[str, bool]:
        """The text of a passage, and whether that is its own although it should have been rewritten.

        Nothing is lost: where the model wrote nothing the passage stays as it was.
        """
        if not passage.parts:
            return passage.text, False
        if any(fault.kind == "empty" for fault in found) or (found and self.options.keep_failed):
            return passage.text, True
        joined = "".join(job.part.before + noted(written.text, job.part) for job, written in passage.written)
        return in_place(joined, passage.blocks, self.newline), False

    def _row(self, passage: Passage, text: str, found: Sequence[Fault]) -> dict[str, Any]:
        """A paragraph as JSON, or `paragraphs` of them that were rewritten together.

        Plain prose and what isn't said of the whole is a list, of a long one's parts.

        `longest_run` has the words in a row that a part has in common with what was given.
        """
        done = passage.written
        row = {
            "paragraph": passage.number,
            "paragraphs": len(passage.blocks),
            "input": passage.text,
            "passed": passage.blocks[0].kept,
            "plain": [job.request.plain for job, _ in done],
            "output": text,
            "faults": [asdict(fault) for fault in found],
            "longest_run": [longest_run(written.text, [job.part.text, job.request.plain]) for job, written in done],
            "tries": [written.tries for _, written in done],
            "seed": [job.request.seed for job, _ in done],
        }
        return row | ({"prompt": [job.text for job, _ in done]} if self.options.show_prompt else {})

    def end(self) -> int:
        """Write the text where it goes to a file, and say what became of the paragraphs; the number of faults."""
        self.show()
        if self.options.out:
            # a link stays one: what it points to is replaced
            write_text(self.options.out.resolve(), "".join(self.pieces))
        elif sys.stdout.isatty() and not self.options.json and self.after[-1:] == [""]:
            print(file=sys.stderr)  # the text doesn't end its last line
        print(f"infer: {self._summary()}", file=sys.stderr)
        return self.faults

    def _summary(self) -> str:
        """What became of the paragraphs, for people: "2 paragraphs rewritten, 1 of them with faults; 3 left as ..."."""
        counts = dict(self.kinds)
        rewritten, kept = counts.pop("rewritten", 0), counts.pop("kept", 0)
        parts = [f"{_counted(rewritten, 'paragraph')} rewritten"]
        if kept:
            parts.append(f"{kept} not rewritten because of faults")
        if counts:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
            parts.append(f"{sum(counts.values())} passed through ({kinds})")
        if self.faults:
            parts.append(f"{_counted(self.faults, 'fault')} in {_counted(self.faulty, 'paragraph')}")
        elif rewritten:
            parts.append("no faults found")
        return "; ".join(parts)

    def _say(self, text: str) -> None:
        """Print `text` with the line ends that it has, in UTF-8 wherever it goes."""
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
