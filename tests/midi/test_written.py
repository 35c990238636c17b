"""What is said of samples: which ids are tokens, what reads back, what the grammar minds."""

import numpy as np

from stages.midi import request, tokens, written
from stages.midi.grammar import Grammar
from stages.midi.song import transposed
from stages.midi.vocabulary import Kind, Vocabulary
from stages.midi.writer import write
from tests.midi.tunes import tune

MODEL = Vocabulary.model(12)
GRAMMAR = Grammar(MODEL)
ROW = tokens.encode(tune(1, bars=2), MODEL).tolist()


def test_model_ids_become_tokens_and_what_is_none_becomes_junk() -> None:
    pieces = [[1], [2, 3], [2, 4, 5], [6]]
    assert written.named([1, 2, 3, 2, 4, 5, 6], pieces) == [0, 1, 2, 3]
    assert written.named([2, 4, 1, 9], pieces) == [written.JUNK, written.JUNK, 0, written.JUNK]
    assert written.named([], pieces) == []


def test_text_has_long_names_and_a_line_for_each_bar() -> None:
    text = written.lines(ROW, MODEL).splitlines()
    assert text[0] == "SONG_START"
    assert [line.split()[0] for line in text[1:]] == ["BAR_START", "BAR_START"]
    assert text[-1].endswith("SONG_END")
    assert tokens.from_text(" ".join(text), MODEL, compact=False).tolist() == ROW


def test_files_that_read_back_to_their_tokens_are_counted_and_others_are_not() -> None:
    song = tune(1, bars=2)
    files = [write(song), b"not MIDI", write(transposed(song, 1)), write(song)]
    assert written.restored(files, [ROW] * 4, MODEL) == {"valid_share": 0.75, "reencode_share": 0.5}


def test_errors_of_the_grammar_are_counted_per_token() -> None:
    wrong = [ROW[0], MODEL.id(Kind.END), *ROW[1:]]  # a song can't end before its first note
    junk = [*ROW[:-1], written.JUNK, ROW[-1]]
    cut = ROW[:10]
    total = len(ROW) + len(wrong) + len(junk) + len(cut)
    found = written.loose([ROW, wrong, junk, cut], GRAMMAR, limit=10)
    assert found == {"grammar_errors_per_token": round(2 / total, 6), "complete_share": 0.25}


def test_an_end_before_the_song_has_ended_is_an_error_and_a_cut_is_none() -> None:
    early = ROW[:10]
    assert written.loose([early], GRAMMAR, limit=10)["grammar_errors_per_token"] == 0
    assert written.loose([early], GRAMMAR, limit=11)["grammar_errors_per_token"] == round(1 / 10, 6)


def test_what_was_asked_for_is_measured_again() -> None:
    song = tune(1)
    asked = request.facts(song, "hymn")
    moved = request.facts(transposed(song, 3), "hymn")
    assert written.followed([song, song], [asked, moved]) == {"key": 0.5, "metre": 1, "tempo": 1}
    assert np.isclose(written.followed([song], [moved])["key"], 0)
