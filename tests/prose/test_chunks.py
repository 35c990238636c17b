from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from stages.prose.chunks import Chunk, Left, chunks
from stages.prose.text import narration, sentences, unclear_speech, words
from tests.prose.stories import rows


def sentence(count: int, name: str = "word") -> str:
    """A sentence of `count` words that tells which it is."""
    return " ".join([name.capitalize(), *["and"] * (count - 2), "on"][:count]) + "."


def work(lengths: list[int], per_paragraph: int = 3, split: str = "train", name: str = "work") -> list[dict[str, Any]]:
    """Paragraphs of numbered sentences with so many words."""
    lines = [sentence(length, "x" + chr(97 + n // 26) + chr(97 + n % 26)) for n, length in enumerate(lengths)]
    texts = [" ".join(lines[at : at + per_paragraph]) for at in range(0, len(lines), per_paragraph)]
    return rows(name, texts, split)


def sizes(found: list[Chunk]) -> list[int]:
    return [len(words(chunk.text)) for chunk in found]


def test_chunks_have_whole_sentences_and_paragraph_breaks() -> None:
    found, left = chunks(work([10] * 6, 3, "valid"), 60, 60, 0, 1)
    (chunk,) = found
    assert left == []
    assert chunk.text == "\n\n".join(row["text"] for row in work([10] * 6))


def test_no_tail_is_short_because_the_last_ones_are_balanced() -> None:
    # 13 sentences of 10 words in chunks of 40 to 70: a greedy cut of 70 would leave 60, one of 50 + 50 would leave 30
    for seed in range(20):
        found, left = chunks(work([10] * 13, split="valid"), 40, 70, 0, seed)
        assert left == []
        assert sum(sizes(found)) == 130
        assert all(40 <= size <= 70 for size in sizes(found))


def test_what_no_cutting_saves_is_left_and_counted() -> None:
    # 90 and 90 make 180, over 150, and either alone is under 100
    found, left = chunks(work([90, 90]), 100, 150, 2, 1)
    assert found == []
    assert left == [Left("work", "train", "short_chunk", 180, "Xaa and and and and and and and")]


def test_a_sentence_over_the_most_words_is_a_border_with_a_reason_of_its_own() -> None:
    found, left = chunks(work([20, 20, 101, 20, 20]), 40, 100, 2, 1)
    assert [chunk.text.split()[0] for chunk in found] == ["Xaa", "Xad"]
    assert [(one.reason, one.words) for one in left] == [("long_sentence", 101)]


def test_a_missing_index_is_a_border() -> None:
    paragraphs = work([20] * 9, 1, "valid")
    del paragraphs[4]
    found, left = chunks(paragraphs, 40, 100, 0, 3)
    assert left == []
    assert sum(sizes(found)) == 160
    assert not any("Xad" in chunk.text and "Xaf" in chunk.text for chunk in found)


def test_chunks_of_train_overlap_and_those_of_other_splits_do_not() -> None:
    for split, repeated in (("train", True), ("valid", False), ("test", False)):
        found, _ = chunks(work([10] * 40, split=split), 40, 80, 2, 1)
        assert len(found) > 4
        for one, two in pairwise(found):
            assert (sentences(one.text)[-2:] == sentences(two.text)[:2]) is repeated


def test_overlap_goes_over_no_border() -> None:
    paragraphs = work([20] * 12, 1)
    del paragraphs[6]
    found, _ = chunks([*paragraphs, *work([20] * 5, name="zwork")], 40, 100, 2, 1)
    seen = {chunk.text.split()[0] for chunk in found if chunk.work == "zwork"}
    assert "Xaa" in seen
    assert not any("Xaf" in chunk.text and "Xah" in chunk.text for chunk in found if chunk.work == "work")


def test_lengths_spread_over_the_range_and_repeat_with_the_seed() -> None:
    paragraphs = work([12] * 800, split="valid")
    found, _ = chunks(paragraphs, 100, 400, 0, 7)
    assert chunks(paragraphs, 100, 400, 0, 7)[0] == found
    assert chunks(paragraphs, 100, 400, 0, 8)[0] != found
    count = len(found)
    for low, high in ((100, 200), (200, 300), (300, 401)):  # a third each, if the draw is even
        assert sum(low <= size < high for size in sizes(found)) > count / 6


def test_another_work_changes_nothing_of_a_work() -> None:
    alone, _ = chunks(work([12] * 60), 40, 90, 2, 1)
    both, _ = chunks([*work([12] * 60, name="another"), *work([12] * 60)], 40, 90, 2, 1)
    assert [chunk for chunk in both if chunk.work == "work"] == alone


lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths, st.integers(1, 4), st.integers(1, 50), st.integers(0, 80), st.integers(0, 3), st.integers(0, 5))
def test_every_sentence_is_in_a_chunk_or_left(
    counts: list[int], per: int, least: int, more: int, overlap: int, seed: int
) -> None:
    most = least + more
    found, left = chunks(work(counts, per), least, most, overlap, seed)
    assert all(least <= size <= most for size in sizes(found))
    names = [f"X{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(len(counts))]
    seen = [line.split()[0].strip(".") for chunk in found for line in sentences(chunk.text)]
    assert [chunk.number for chunk in found] == list(range(len(found)))
    lost = sum(count for name, count in zip(names, counts) if name not in seen)
    assert sum(one.words for one in left) == lost
    # in order, and nothing but the overlap twice
    assert list(dict.fromkeys(seen)) == sorted(set(seen))
    assert len(seen) - len(set(seen)) <= overlap * max(len(found) - 1, 0)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(0, 5))
def test_a_run_that_is_long_enough_loses_no_sentence(counts: list[int], seed: int) -> None:
    # with most >= 2 x least + the longest sentence, a cut that is short can always be joined and cut again
    found, left = chunks(work(counts), 20, 70, 2, seed)
    assert (left == []) == (sum(counts) >= 20)
    assert bool(found) == (sum(counts) >= 20)


SAID = "“Xsa is here and on. Xsb is there and on. Xsc is gone and on.” Xsd went and went on."  # 20 words, 15 said
SEEDS = range(20)


def texts_of(paragraphs: list[str], least: int, most: int, overlap: int, split: str = "train") -> list[list[str]]:
    """The texts of the chunks, for each of some seeds."""
    many = [chunks(rows("work", paragraphs, split), least, most, overlap, seed) for seed in SEEDS]
    assert not [left for _, left in many if left]
    return [[chunk.text for chunk in found] for found, _ in many]


def test_no_chunk_begins_or_ends_within_speech() -> None:
    for found in texts_of([f"Xaa went in. {SAID} Xab went on."] * 20, 30, 60, 2):
        assert len(found) > 10
        for text in found:
            assert not unclear_speech(text)
            assert text.count("“") == text.count("”")
            assert not {"xsa", "xsb", "xsc"} & set(words(narration(text)))


def test_an_overlap_has_the_whole_of_a_speech_or_nothing_of_it() -> None:
    paragraphs = [f"Xaa went in. {SAID} Xab went on." for _ in range(20)]
    found = texts_of(paragraphs, 30, 60, 2)
    # of Xsd and Xab both are repeated, of Xsc and Xsd only the second; three sentences said are more than two
    assert {text.split()[0] for texts in found for text in texts[1:]} == {"Xsd", "Xab"}
    found = texts_of(paragraphs, 30, 70, 4)
    assert {text.split()[0] for texts in found for text in texts[1:]} == {"Xaa", "“Xsa", "Xsd"}


def test_speech_of_more_than_the_most_words_is_left_and_counted() -> None:
    long = "“Xsa said it all. " + "And so it went on and on. " * 10 + "Xsb is the end.” So it went."
    found, left = chunks(rows("work", [f"{sentence(30)} {long} {sentence(35)}"]), 30, 60, 2, 1)
    assert [len(words(chunk.text)) for chunk in found] == [30, 38]  # So it went: 3 words of the second
    assert left == [Left("work", "train", "long_speech", 78, "“Xsa said it all.")]  # 4 + 7 x 10 + 4


def test_speech_of_several_paragraphs_is_cut_between_those_that_open_it_anew() -> None:
    told = ["“" + " ".join([sentence(10, f"x{name}") for name in "abc"]) for name in "abcdefgh"]
    told[-1] += "”"
    for found in texts_of(told, 60, 90, 2):
        assert len(found) >= 2
        for text in found:
            assert text.startswith("“")
            assert not unclear_speech(text)


def test_speech_that_goes_on_in_a_paragraph_without_a_quote_of_its_own_is_not_cut() -> None:
    # as curate leaves it, where it cuts a paragraph of too many words
    told = ["“" + sentence(20, "xsa"), sentence(20, "xsb"), sentence(20, "xsc") + "”", *[sentence(20, "xaa")] * 4]
    for found in texts_of(told, 20, 80, 0):
        (whole,) = (text for text in found if "Xsa" in text)
        assert "Xsb" in whole and "Xsc" in whole
    never_closed = ["“" + sentence(20, "xsa"), *[sentence(20, "xaa")] * 6]
    assert any("Xaa" not in text for found in texts_of(never_closed, 20, 80, 0) for text in found if "Xsa" in text)


def test_a_paragraph_with_a_stray_quote_is_not_cut() -> None:
    stray = " ".join([sentence(10, "xsa"), sentence(10, "xsb")[:-1] + ".”", sentence(10, "xsc")])
    for found in texts_of([sentence(30), stray, sentence(30)], 20, 70, 2):
        assert all(("Xsa" in text) == ("Xsb" in text) == ("Xsc" in text) for text in found)


PARTS = ("Xaa went.", "“Xsa said on.", "Xsb on.”", "“Xsc.”", "‘Xsd on.", "Xse on.’", '"Xsf on."', "Xab—‘xsg’—on.")


@given(st.lists(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map(" ".join), min_size=1), st.integers(0, 3))
def test_what_is_speech_in_a_work_is_speech_in_its_chunks(paragraphs: list[str], seed: int) -> None:
    paragraphs = [text for text in paragraphs if not unclear_speech(text)]
    found, left = chunks(rows("work", paragraphs, "valid"), 1, 20, 0, seed)
    assume(not left)
    told = [word for text in paragraphs for word in words(narration(text))]
    assert [word for chunk in found for word in words(narration(chunk.text))] == told


def test_stories_lose_next_to_nothing(lovecraft: Path) -> None:
    path = lovecraft / "the-tomb.txt"
    text = (path if path.exists() else sorted(lovecraft.glob("*.txt"))[0]).read_text(encoding="utf-8")
    paragraphs = rows("story", [" ".join(part.split()) for part in text.split("\n\n") if part.strip()])
    found, left = chunks(paragraphs, 100, 400, 2, 1)
    assert sum(one.words for one in left) < 0.05 * sum(row["words"] for row in paragraphs)
    assert all(100 <= size <= 400 for size in sizes(found))
