"""A text on its way: its passages, the parts of them that a model is asked for, and what it wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.prose.blocks import Block
from stages.prose.checks import Fault
from stages.prose.passages import Part
from stages.prose.request import Request


@dataclass(frozen=True)
class Job:
    """A part that is rewritten."""

    passage: int  # from 0
    place: int  # of the part within the passage, from 0
    part: Part
    request: Request
    text: str  # the whole prompt
    ids: int  # tokens of it
    most: int  # tokens of the answer


@dataclass(frozen=True)
class Written:
    """What the model wrote for a part."""

    text: str  # mended
    faults: list[Fault]
    tries: int


@dataclass
class Passage:
    """A block on its way, or neighbours together: their parts, and what came of them."""

    blocks: Sequence[Block]
    number: int  # of the first block in the text, from 1
    parts: list[Part] = field(default_factory=list)
    done: dict[int, tuple[Job, Written]] = field(default_factory=dict)  # by the place of the part
    failed: Fault | None = None  # why it was never asked for

    @property
    def text(self) -> str:
        """As it stands in the text."""
        return self.blocks[0].text + "".join(block.before + block.text for block in self.blocks[1:])

    @property
    def is_whole(self) -> bool:
        """Whether nothing more will come of it."""
        return self.failed is not None or len(self.done) == len(self.parts)

    @property
    def written(self) -> list[tuple[Job, Written]]:
        """What came of its parts, in their order."""
        return [self.done[place] for place in sorted(self.done)]
