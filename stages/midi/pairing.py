"""Notes out of note-ons and note-offs, and the program each is played with."""

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from stages.midi.events import Column, Other
from stages.midi.song import DRUMS

DRUM_CHANNEL = 9
_FAR = 1 << 32  # further than any count of events


def pairs(key: Column, on: npt.NDArray[np.bool_]) -> tuple[Column, Column, int]:
    """Index of each note's on, of its off (-1 if it never ends), and how many offs ended nothing.

    `key` tells voices (track, channel and pitch) apart, `on` whether an event is an on; both in time order. Within a
    voice the first note that sounds is the first that ends.
    """
    order = key.argsort(kind="stable")
    sorted_on = on[order]
    ons, offs = order[sorted_on], order[~sorted_on]
    if len(ons) == len(offs) and (key[ons] == key[offs]).all() and (ons < offs).all():
        return ons, offs, 0  # as many offs as ons in each voice, none of them before its on
    key, on = key[order], sorted_on
    voice = np.cumsum(np.diff(key, prepend=key[:1]) != 0)
    step = np.where(on, 1, -1)
    sounding = np.cumsum(step)
    opening = np.flatnonzero(np.diff(voice, prepend=-1))
    sounding -= (sounding - step)[opening][voice]
    # Offs of voices that are silent push the count to a new low below 0. _FAR keeps voices apart in one accumulate.
    lowest = np.minimum.accumulate(np.minimum(sounding, 0) - voice * _FAR) + voice * _FAR
    before = np.concatenate([[0], lowest[:-1]])
    before[opening] = 0
    stray = lowest < before
    ons, offs = np.flatnonzero(on), np.flatnonzero(~on & ~stray)
    voices = np.arange(len(opening))
    first_on, first_off = np.searchsorted(voice[ons], voices), np.searchsorted(voice[offs], voices)
    last_off = np.searchsorted(voice[offs], voices, side="right")
    match = first_off[voice[ons]] + np.arange(len(ons)) - first_on[voice[ons]]
    ended = match < last_off[voice[ons]]
    off = np.full(len(ons), -1)
    off[ended] = order[offs[match[ended]]]
    return order[ons], off, int(stray.sum())


def programs(slot: Column, tick: Column, place: Column, changes: list[Other], ports: Sequence[int]) -> Column:
    """Program of each note, DRUMS on channel 10.

    `slot` is a note's track << 4 | channel, in rising order, `tick` its onset, `place` its index among the file's
    messages, `ports` the port of each track. A note has the program that its own track set last on its channel. Only
    where the track has set none, what other tracks of the same port have set on that channel by then holds, and else
    program 0. (A synthesizer hears the channel alone; but files that set one channel to several programs in several
    tracks mean a program for each track, as notation programs write them.)
    """
    own: dict[int, list[tuple[int, int]]] = {}
    shared: dict[int, list[tuple[int, int, int]]] = {}
    for track, when, before, status, value, _ in changes:
        own.setdefault(track << 4 | status & 15, []).append((before, value))
        shared.setdefault(ports[track] << 4 | status & 15, []).append((when, value, track))
    program = np.empty(len(slot), dtype=np.int64)
    edges = (slot[1:] != slot[:-1]).nonzero()[0] + 1
    for start, stop in pairwise([0, *edges.tolist(), len(slot)]):
        track, channel = divmod(int(slot[start]), 16)
        if channel == DRUM_CHANNEL:
            program[start:stop] = DRUMS
            continue
        others = [row[:2] for row in shared.get(ports[track] << 4 | channel, ()) if row[2] != track]
        found = _latest(sorted(others, key=itemgetter(0)), tick[start:stop], 0)
        program[start:stop] = _latest(own.get(track << 4 | channel, ()), place[start:stop], found)
    return program


def _latest(changes: Sequence[tuple[int, int]], time: Column, otherwise: int | Column) -> int | Column:
    """The last value of `changes`, (time, value) in the order of time, at or before each time, else `otherwise`."""
    if not changes:
        return otherwise
    if len(changes) == 1:
        return np.where(time < changes[0][0], otherwise, changes[0][1])
    at = np.array([row[0] for row in changes]).searchsorted(time, side="right")
    return np.where(at == 0, otherwise, np.array([0, *(row[1] for row in changes)])[at])
