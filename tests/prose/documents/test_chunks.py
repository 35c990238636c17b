import itertools
import random
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.lora import tokenizer
from stages.prose.documents.chunks import (
    MOST_PIECES,
    WORD,
    Chunk,
    Mode,
    Ruler,
    Sizes,
    Words,
    blocks,
    chunks,
    joined,
    ruler,
)
from stages.run import StageError

ESTIMATE = Ruler()
MODES: list[Mode] = ["semantic", "fixed", "page"]


def text_of(words: int) -> str:
    return " ".join(f"w{number}" for number in range(words))


def prose(sentences: int, seed: int = 1) -> str:
    """One paragraph of sentences of 5 to 20 words."""
    rng = random.Random(seed)
    lines = []
    for number in range(sentences):
        words = [f"{rng.choice('abcdefgh')}{number}x{at}" for at in range(rng.randint(5, 20))]
        lines.append(f"{words[0].capitalize()} {' '.join(words[1:])}.")
    return " ".join(lines)


def units(text: str) -> list[str]:
    return WORD.findall(text)


def spans(parts: list[Chunk], text: str) -> list[tuple[int, int]]:
    """Which words of `text`, all different, each chunk has."""
    place = {word: at for at, word in enumerate(units(text))}
    found = []
    for part in parts:
        words = units(part.text)
        start = place[words[0]]
        assert words == units(text)[start : start + len(words)]  # a stretch of the text, nothing left out
        found.append((start, start + len(words)))
    return found


def check(parts: list[Chunk], text: str, sizes: Sizes) -> list[tuple[int, int]]:
    """What holds for the chunks of any text of different words; where they lie."""
    found = spans(parts, text)
    if not units(text):
        assert not parts
        return []
    assert found[0][0] == 0 and found[-1][1] == len(units(text))
    for (start, stop), (following, end) in itertools.pairwise(found):
        assert start < following <= stop < end  # no gap, and each begins and ends after the one before
    assert all(part.tokens == ceil(13 * len(units(part.text)) / 10) <= sizes.size for part in parts)
    return found


def test_a_thousand_words_in_chunks_of_512_tokens_are_three_with_no_shrinking_tails() -> None:
    text = text_of(1000)
    # 512 tokens are 393 words, 50 tokens 38: (1000 - 38) / (393 - 38) = 2.7
    parts = chunks([text], "fixed", Sizes(512, 50, 1), ESTIMATE)
    assert spans(parts, text) == [(0, 393), (355, 748), (710, 1000)]
    # one endless sentence: parts of 462 tokens, 355 words, each with the 38 before it
    assert spans(chunks([text], "semantic", Sizes(512, 50, 1), ESTIMATE), text) == [(0, 355), (317, 710), (672, 1000)]
    assert len(chunks([text], "page", Sizes(512, 50, 1), ESTIMATE)) == 3
    sentences = prose(80)
    assert 950 < len(units(sentences)) < 1050
    assert len(chunks([sentences], "semantic", Sizes(512, 50, 1), ESTIMATE)) == 3


@pytest.mark.parametrize(
    ("lengths", "expected"),  # words of the pages; the words of each chunk
    [
        # as above: parts of 355 words, each with the 38 before it
        ([1000], [(0, 355), (317, 710), (672, 1000)]),
        ([500, 500], [(0, 355), (317, 500), (500, 855), (817, 1000)]),
        ([900, 100], [(0, 355), (317, 710), (672, 900), (900, 1000)]),
        # 100 words are 130 tokens, just enough; 50 go with the next page, and the last 50 with the one before
        ([100] * 10, [(at, at + 100) for at in range(0, 1000, 100)]),
        ([350, 50, 550, 50], [(0, 350), (350, 705), (667, 1000)]),
    ],
)
def test_a_thousand_words_by_pages_make_no_shrinking_tails_and_lose_no_word(
    lengths: list[int], expected: list[tuple[int, int]]
) -> None:
    text = text_of(1000)
    ends = list(itertools.accumulate(lengths, initial=0))
    pages = [" ".join(units(text)[start:stop]) for start, stop in itertools.pairwise(ends)]
    sizes = Sizes(512, 50, 128)
    found = check(
        chunks(pages, "page", sizes, ESTIMATE), text, sizes
    )  # all words, and each goes on from the one before
    assert found == expected
    # a tail would begin where the overlap of the one before it does, and add a few words only
    assert all(stop - max(start, end) >= 90 for (_, end), (start, stop) in itertools.pairwise(found))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 900), st.integers(20, 300), st.integers(0, 150))
def test_fixed_chunks_are_as_many_and_overlap_as_much_as_asked(count: int, size: int, overlap: int) -> None:
    overlap = min(overlap, size // 2)
    text = text_of(count)
    found = check(chunks([text], "fixed", Sizes(size, overlap, 1), ESTIMATE), text, Sizes(size, overlap, 1))
    most, common = 10 * size // 13, 10 * overlap // 13  # in words
    expected = 0 if count == 0 else 1 if count <= most else ceil((count - common) / (most - common))
    assert len(found) == expected
    assert all(stop - start == most for start, stop in found[:-1])
    assert all(stop - following == common for (_, stop), (following, _) in itertools.pairwise(found))


# Pages of paragraphs of sentences whose words are all different, with headings in between.
LAYOUTS = st.lists(
    st.lists(st.one_of(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.just("# ")), max_size=6),
    min_size=1,
    max_size=4,
)


def laid_out(layout: list[list[object]]) -> list[str]:
    number = itertools.count()
    pages = []
    for page in layout:
        parts = []
        for block in page:
            if isinstance(block, str):
                parts.append(f"## H{next(number)} t{next(number)}")
            elif isinstance(block, list):
                lines = [
                    " ".join([f"W{next(number)}", *(f"w{next(number)}" for _ in range(n - 1))]) + "." for n in block
                ]
                parts.append(" ".join(lines))
        pages.append("\n\n".join(parts))
    return pages


@settings(max_examples=200, deadline=None)
@given(LAYOUTS, st.sampled_from(MODES), st.integers(20, 200), st.integers(0, 60), st.integers(1, 60))
def test_every_word_is_in_a_chunk_in_order_and_no_chunk_is_too_long_or_part_of_its_neighbour(
    layout: list[list[object]], mode: Mode, size: int, overlap: int, least: int
) -> None:
    pages = laid_out(layout)
    sizes = Sizes(size, min(overlap, size // 2), least)
    parts = chunks(pages, mode, sizes, ESTIMATE)
    words = units(joined(pages)[0])
    at = 0  # the words not covered yet
    position = 0
    for part in parts:
        own = units(part.text)
        assert part.tokens <= size
        anchor = next(index for index, word in enumerate(own) if word != "##")
        position = words.index(own[anchor]) - anchor
        assert words[position : position + len(own)] == own
        assert position <= at < position + len(own)
        assert 13 * (at - position) <= 10 * sizes.overlap
        at = position + len(own)
    assert at == len(words)


def test_paragraphs_are_kept_whole_while_they_fit() -> None:
    paragraphs = [prose(6, seed) for seed in range(8)]  # 6 x 12.5 words: about 100 tokens
    parts = chunks(["\n\n".join(paragraphs)], "semantic", Sizes(300, 0, 1), ESTIMATE)
    assert [paragraph for part in parts for paragraph in part.text.split("\n\n")] == paragraphs
    assert 1 < len(parts) < 6


def test_an_oversized_paragraph_is_cut_between_sentences_and_an_oversized_sentence_between_words() -> None:
    paragraph = prose(60)
    parts = chunks([paragraph], "semantic", Sizes(200, 0, 1), ESTIMATE)
    assert len(parts) > 3
    assert all(part.text.endswith(".") and part.text[0].isupper() for part in parts)
    endless = text_of(500)
    assert [len(units(part.text)) for part in chunks([endless], "semantic", Sizes(130, 0, 1), ESTIMATE)] == [100] * 5
    check(chunks([endless], "semantic", Sizes(130, 26, 1), ESTIMATE), endless, Sizes(130, 26, 1))


def test_the_overlap_of_semantic_chunks_is_whole_sentences_where_they_fit() -> None:
    parts = chunks([prose(60)], "semantic", Sizes(200, 50, 1), ESTIMATE)
    for one, other in itertools.pairwise(parts):
        common = next(one.text[at:] for at in range(len(one.text)) if other.text.startswith(one.text[at:]))
        assert common and ESTIMATE.count(common) <= 50
        assert common[0].isupper() and common.endswith(".")


def test_a_heading_goes_with_what_follows_and_opens_a_chunk_if_the_one_before_is_long_enough() -> None:
    text = (
        f"# One\n\n{prose(6, 1)}\n\n## Two\n\n### Three\n\n{prose(6, 2)}\n\n# Four\n\nShort.\n\n# Five\n\n{prose(6, 3)}"
    )
    parts = chunks([text], "semantic", Sizes(400, 50, 50), ESTIMATE)
    assert [part.text.splitlines()[0] for part in parts] == ["# One", "## Two", "# Four"]
    assert "# Five" in parts[2].text  # "Four" is too short to stand alone
    assert not any(part.text.rstrip().splitlines()[-1].startswith("#") for part in parts)


def test_headings_are_those_of_markdown_and_of_plain_text_but_no_comments_in_code() -> None:
    text = (
        "Title\n=====\n\nText here.\n\n```\n# no heading\n\nstill code\n```\n\nTHE END\n\n2.1 Filters\n\nChapter 3\n\n"
        "A line that ends here.\n# Tight\nText\n\nSome small line\n"
    )
    found = [text[start:end].strip() for start, end, is_heading in blocks(text) if is_heading]
    assert found == ["Title\n=====", "THE END", "2.1 Filters", "Chapter 3", "# Tight"]


def test_a_chunk_crosses_pages_only_where_one_is_too_short_and_says_so() -> None:
    pages = [prose(20, 1), prose(20, 2), "A short page.", prose(20, 3), prose(90, 4)]
    parts = chunks(pages, "page", Sizes(512, 50, 32), ESTIMATE)
    assert [part.pages for part in parts][:3] == [(1, 1), (2, 2), (3, 4)]
    assert {part.pages for part in parts[3:]} == {(5, 5)} and len(parts) > 4
    assert parts[0].text == pages[0] and parts[1].text == pages[1]
    assert parts[2].text == f"{pages[2]}\n\n{pages[3]}"
    # a short last page goes with the one before it
    assert [part.pages for part in chunks([prose(20, 1), "The end."], "page", Sizes(512, 50, 32), ESTIMATE)] == [(1, 2)]
    # the other modes join them all, and know the pages all the same
    assert [part.pages for part in chunks(pages[:3], "semantic", Sizes(1000, 0, 1), ESTIMATE)] == [(1, 3)]


def test_a_paragraph_that_a_page_leaves_open_goes_on_with_the_next() -> None:
    assert joined(["It stops in", "the middle.", "", "A new one."]) == (
        "It stops in\nthe middle.\n\n\n\nA new one.",
        [0, 12, 25, 27],
    )


def test_text_without_spaces_is_cut_too() -> None:
    parts = chunks(["漢字" * 1000], "semantic", Sizes(512, 50, 1), ESTIMATE)
    assert all(part.tokens <= 512 for part in parts) and len(parts) == 6  # (2000 - 38) / (393 - 38) = 5.5
    blob = "".join(random.Random(1).choices("abcdefghij", k=24 * 1000))
    assert "".join(units(blob)) == blob
    assert len(chunks([blob], "fixed", Sizes(512, 50, 1), ESTIMATE)) == 3
    assert chunks(["שלום עולם. " * 200], "semantic", Sizes(130, 13, 1), ESTIMATE)[0].tokens <= 130
    assert chunks(["", " \n"], "semantic", Sizes(130, 13, 1), ESTIMATE) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer in which frequent words are one token, and others many."""
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.write(tokenizer.learned([prose(60), "The lamp by the door is lit at dusk. " * 20], 600), path)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_with_a_tokenizer_no_chunk_has_more_of_its_tokens_than_asked(folder: Path, mode: Mode) -> None:
    measure = ruler(str(folder))
    lamps = " ".join(f"The lamp by door {number} is lit at dusk." for number in range(20))
    accents = " ".join(f"Überaus «große» Lampen{number}…" for number in range(40))
    text = "\n\n".join([lamps, prose(70), accents, text_of(300)])
    sizes = Sizes(256, 40, 32)
    parts = chunks([text], mode, sizes, measure)
    assert all(part.tokens == measure.count(part.text) <= 256 for part in parts)
    assert len(parts) >= measure.count(text) / 256
    end = 0
    for part in parts:  # each is a stretch of the text that goes on from the one before
        start = text.index(part.text, max(end - len(part.text) - 400, 0))
        assert not text[end:start].strip()
        assert measure.count(text[start:end]) <= 40 + 1  # alone, the first word may have a token more
        end = start + len(part.text)
    assert not text[end:].strip()
    if mode == "fixed":  # filled up to the next word
        assert all(part.tokens > 256 - MOST_PIECES for part in parts[:-1])


def test_a_chunk_fits_also_where_its_first_word_alone_has_more_tokens_than_after_a_space(tmp_path: Path) -> None:
    tokenizer.write(tokenizer.make(["lamp"]), tmp_path)  # " lamp" is one token, "lamp" four
    parts = chunks(["lamp " * 300], "fixed", Sizes(100, 0, 1), ruler(str(tmp_path)))
    assert [part.tokens for part in parts] == [100, 100, 100, 12]  # 97 words, 97, 97, and 9


def test_the_costs_of_all_words_are_the_tokens_of_the_text(folder: Path) -> None:
    measure = ruler(str(folder))
    text = f"  {prose(20)}\n\n“Ünïcode” — 漢字 and\tso on…  "
    assert Words(text, measure).total[-1] == 10 * measure.count(text)


def test_a_folder_without_a_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StageError, match=r"documents.prepare.tokenizer is .* which has no tokenizer.json; name the folder"
    ):
        ruler(str(tmp_path))


def test_chunks_of_a_story_hold_all_of_it(lovecraft: Path) -> None:
    text = min(lovecraft.glob("*.txt"), key=lambda path: (path.stat().st_size, path.name)).read_text(encoding="utf-8")
    parts = chunks([text], "semantic", Sizes(512, 0, 32), ESTIMATE)
    assert [word for part in parts for word in part.text.split()] == text.split()
