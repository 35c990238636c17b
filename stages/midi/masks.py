"""The grammar as masks over a language model's vocabulary: sampling under them writes a song, always.

Each REMI token is a piece, the model ids of its name. The pieces form a trie, so that a name may take several ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stages.midi.grammar import Flags, Grammar, Span, State, Step, within
from stages.midi.vocabulary import Ints

MOST_KNOWN = 50_000  # states kept with what may follow them: some 100 MB
TABLE_BYTES = 1 << 24  # of masks that are kept, one for each set of tokens that may follow


@dataclass(frozen=True, slots=True, eq=False)
class MaskState:
    """The grammar's state with the tokens that may follow, and the node of the trie that the ids since then lead to."""

    grammar: State
    spans: tuple[Span, ...]
    node: int = 0
    is_closed: bool = False  # an end id was read
    row: int = -1  # of the table of masks, if the next id begins a token
    # by id; music comes to the same states again and again, and Python is slow where it has to look up much
    after: dict[int, "MaskState"] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """A beginning of pieces, `depth` ids long."""

    depth: int
    tokens: Ints  # REMI tokens whose pieces begin so
    following: Ints  # next model id of each
    children: dict[int, int]  # node by model id
    complete: dict[int, int]  # REMI token by the model id that completes its piece


class TokenMask:
    """Which model ids may come next.

    `pieces` gives the model ids of each REMI token, in the order of their ids; `end_ids` follow SONG_END. Raises
    ValueError if a piece is empty, equals or begins another, or doesn't fit the vocabulary.
    """

    def __init__(
        self, grammar: Grammar, pieces: Sequence[Sequence[int]], vocabulary_size: int, end_ids: Sequence[int]
    ) -> None:
        if len(pieces) != len(grammar.vocabulary):
            raise ValueError(f"{len(pieces)} pieces for {len(grammar.vocabulary)} REMI tokens")
        used = {model_id for piece in pieces for model_id in piece} | set(end_ids)
        if not all(pieces) or min(used) < 0 or max(used) >= vocabulary_size:
            raise ValueError(f"pieces must not be empty, and their ids from 0 to {vocabulary_size - 1}")
        self.lengths = np.array([len(piece) for piece in pieces])
        self.grammar = Grammar(grammar.vocabulary, self.lengths)
        self.vocabulary_size = vocabulary_size
        self.nodes: list[Node] = []
        self._grow(pieces, np.arange(len(pieces)), 0)
        self.ends = np.array(end_ids, dtype=np.int64)
        self.end_set = frozenset(self.ends.tolist())
        self._known: dict[State, MaskState] = {}
        self._rows: dict[tuple[Span, ...], int] = {}  # where the table has the mask of these spans
        self._table = np.zeros((min(256, self._most()), vocabulary_size), dtype=bool)

    def _grow(self, pieces: Sequence[Sequence[int]], tokens: Ints, depth: int) -> int:
        """Adds the node of `tokens`, whose pieces share `depth` ids, and those below it; returns its number."""
        number = len(self.nodes)
        following = np.array([pieces[token][depth] for token in tokens.tolist()])
        children: dict[int, int] = {}
        complete: dict[int, int] = {}
        self.nodes.append(Node(depth, tokens, following, children, complete))
        for model_id in np.unique(following).tolist():
            below = tokens[following == model_id]
            done = [token for token in below.tolist() if len(pieces[token]) == depth + 1]
            if done and len(below) > 1:
                names = [self.grammar.vocabulary.compact(token) for token in below.tolist()[:2]]
                raise ValueError(f"the pieces of {' and '.join(names)} can't be told apart: one begins the other")
            if done:
                complete[model_id] = done[0]
            else:
                children[model_id] = self._grow(pieces, below, depth + 1)
        return number

    def _at(self, state: State) -> MaskState:
        found = self._known.get(state)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._forget()
            spans = tuple(self.grammar.spans(state))
            found = self._known[state] = MaskState(state, spans, row=self._row(state, spans))
        return found

    def _forget(self) -> None:
        """Let go of all states; those that are in use stay as they are, but lead to new ones."""
        for state in self._known.values():
            state.after.clear()
        self._known.clear()

    def _row(self, state: State, spans: tuple[Span, ...]) -> int:
        """The row of the table that allows the first ids of the tokens of `spans`, or the end ids; -1 if it is full."""
        row = self._rows.get(spans)
        if row is None:
            row = len(self._rows)
            if row == self._most():
                return -1
            self._rows[spans] = row
            if row == len(self._table):
                more = min(row, self._most() - row)
                self._table = np.concatenate([self._table, np.zeros((more, self.vocabulary_size), dtype=bool)])
            self._allow(self._table[row], state, spans)
        return row

    def _allow(self, row: Flags, state: State, spans: tuple[Span, ...]) -> None:
        """Set what may begin after `state` in a row of zeros."""
        if state.step is Step.END:
            row[self.ends] = True
        for low, stop in spans:
            row[self.nodes[0].following[low:stop]] = True

    def _most(self) -> int:
        return max(TABLE_BYTES // self.vocabulary_size, 1)

    @property
    def minimum(self) -> int:
        """The smallest number of model ids, without an end id, in which a song is sure to end."""
        return self.grammar.distance(self.grammar.start())

    def start(self) -> MaskState:
        """The state before the first model id."""
        return self._at(self.grammar.start())

    def mask(self, state: MaskState, remaining: int | None = None) -> Flags:
        """Whether each model id may come next, shape (vocabulary_size,).

        With `remaining`, only ids after which SONG_END can still be had: it counts this id and all up to the last of
        SONG_END, not the end id after it. From `minimum` at the start on, some id is always allowed, and taking one
        leaves enough. Raises ValueError if `remaining` is less than what is needed.
        """
        row = np.zeros(self.vocabulary_size, dtype=bool)
        self._fill(row, state, remaining)
        return row

    def masks(self, states: Sequence[MaskState], remaining: Sequence[int] | int | None = None) -> Flags:
        """`mask` of each state, shape (states, vocabulary_size)."""
        if isinstance(remaining, int) and remaining >= self.grammar.ample:
            numbers = [state.row for state in states]
            if -1 not in numbers:
                return self._table[numbers]
        rows = np.zeros((len(states), self.vocabulary_size), dtype=bool)
        for i, state in enumerate(states):
            self._fill(rows[i], state, remaining[i] if isinstance(remaining, Sequence) else remaining)
        return rows

    def _fill(self, row: Flags, state: MaskState, remaining: int | None) -> None:
        """Sets the allowed ids in a row of zeros."""
        if state.grammar.step is Step.END:
            row[self.ends] = True
            return
        node = self.nodes[state.node]
        if node.depth == 0 and (remaining is None or remaining >= self.grammar.ample):
            self._allow(row, state.grammar, state.spans)
            return
        ids = node.following[self._allowed(state, node, remaining)]
        if not len(ids):
            raise ValueError(f"{remaining} more ids can't end the song")
        row[ids] = True

    def _allowed(self, state: MaskState, node: Node, remaining: int | None) -> Flags:
        """Whether each of the node's tokens may be what is being written."""
        left = None if remaining is None else remaining + node.depth
        return self.grammar.allowed(state.grammar, left, state.spans)[node.tokens]

    def advance(self, state: MaskState, model_id: int) -> MaskState:
        """The state after `model_id`. Raises ValueError if it may not come next."""
        found = state.after.get(model_id)
        if found is None:
            found = state.after[model_id] = self._after(state, model_id)
        return found

    def _after(self, state: MaskState, model_id: int) -> MaskState:
        if state.grammar.step is Step.END:
            if model_id not in self.end_set:
                raise ValueError(f"id {model_id} after the song's end, expected one of {sorted(self.end_set)}")
            return MaskState(state.grammar, (), 0, True)
        node = self.nodes[state.node]
        token = node.complete.get(model_id)
        if token is not None and within(token, state.spans):
            return self._at(self.grammar.after(state.grammar, token))
        child = node.children.get(model_id)
        if child is None or not self._allowed(state, self.nodes[child], None).any():
            raise ValueError(f"id {model_id} doesn't continue a token that may come next")
        return MaskState(state.grammar, state.spans, child)
