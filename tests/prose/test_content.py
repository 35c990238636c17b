"""What is kept of a source: each share worked out by hand, and chrF by its formula."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.content import (
    Kept,
    chrf,
    content_recall,
    length_ratio,
    names,
    names_kept,
    numbers_kept,
    order_tau,
    placed,
    unknown_words,
)

SOURCE = "The keeper lit the lamp. A ship came from Boston. Twelve sailors drowned. The storm broke the window."

TOKENS = ["keeper", "lamp", "lit", "Boston", "12", "the", "a", "He", "saw’s", "R’lyeh", "don’t", "—"]


def test_a_word_opens_a_sentence_or_speech() -> None:
    found = placed("He came. “Who is it?” said Ann: “You (I mean him) know.”")
    assert [word.text for word in found if word.opens] == ["He", "Who", "You", "I"]


def test_recall_is_the_share_of_different_words_of_content() -> None:
    # keeper, light, lamp of: keeper, light, lamp, old
    assert content_recall("The old keeper lit the lamp, and lit the lamps.", "Keepers were lighting a lamp.") == 0.75
    assert content_recall("Ann saw 3 ships.", "In 3 ships sat ANN, seeing") == 1
    assert content_recall("two men", "a man") == 0.5


def test_a_synonym_is_not_kept_and_another_form_is() -> None:
    assert content_recall("The mice went.", "A mouse will go.") == 1
    assert content_recall("The big house.", "The large house.") == 0.5


def test_a_source_without_content_has_no_recall() -> None:
    assert content_recall("He was not there, and so on.", "The keeper.") is None
    assert content_recall("", "x") is None
    assert content_recall("The keeper.", "") == 0
    assert content_recall("他来了。", "他来了。") == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(TOKENS)).map(" ".join))
def test_a_text_keeps_all_of_itself(text: str) -> None:
    assert content_recall(text, text) in (None, 1)
    assert names_kept(text, text).kept_share in (None, 1)
    assert names_kept(text, text).invented == numbers_kept(text, text).invented == ()
    assert length_ratio(text, text) in (None, 1)


def test_names_have_a_capital_within_a_sentence() -> None:
    assert names("He met Carter’s dog in New York. Then it ran. “Run!” he said. I’m late, and Don’t worry.") == [
        "Carter",
        "New",
        "York",
    ]


def test_a_name_at_the_start_of_a_sentence_is_known_by_what_it_is_elsewhere_or_by_no_dictionary() -> None:
    assert names("Marsh was old. He told Marsh so.") == ["Marsh"]
    assert names("R’lyeh sank. Innsmouth stood. Penniless, he went.") == ["R'lyeh", "Innsmouth"]
    assert names("Marsh was old.") == []  # also a usual word: missed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # words that open sentences and are none
        ("Alas, he was gone.", []),
        ("Methought the lamp burned blue.", []),
        ("Lo, the tide had turned.", []),
        ("Nay, he answered nothing.", []),
        ("Behold the ruin of it.", []),
        ("Oh, that he had stayed.", []),
        ("Aye, and worse.", []),
        ("Thence he fled; whence, none could say.", []),
        ("Whence came they?", []),
        ("Hark! a step upon the stair.", []),
        ("Ha! ha! he cried.", []),
        ("O ye gods, hear me; hear me, O sea.", []),
        ("Hereupon he withdrew.", []),
        ("Thenceforward nobody spoke.", []),
        ("Ere the morn he was dead.", []),
        ("Albeit old, he rowed.", []),
        ("Wherefore should he weep?", []),
        ("Twas a night of storms.", []),
        ("Dost remember the well?", []),
        ("Quoth he, “Pshaw! Begone!”", []),
        ("Trackless wastes lay before them.", []),
        ("Mephitic airs arose, and awestricken men fled.", []),
        ("Twelve men came. Three fell.", []),
        ("Dogless now, he went: a dogless man.", []),  # no dictionary has it, but the text does
        # names
        ("Lenore was gone, alas.", ["Lenore"]),
        ("Alas, Lenore was gone.", ["Lenore"]),
        ("Carter was old.", ["Carter"]),  # WordNet has carters, too
        ("Henry and John wept.", ["Henry", "John"]),
        ("Jupiter rose. Providence had sent him.", ["Jupiter"]),  # also a usual word: missed
        ("Boston lay behind him, and Lo Feng before.", ["Boston", "Lo", "Feng"]),
        ("Arkham slept. Nyarlathotep crept.", ["Arkham", "Nyarlathotep"]),
        ("American ships came in April.", ["American", "April"]),
    ],
)
def test_archaic_openings_are_told_from_names(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_titles_and_function_words_are_no_names() -> None:
    assert names("There Mr. Smith, Capt. West and I saw how They came.") == ["Smith", "West"]
    assert names("") == names("他来了。") == []


def test_names_are_kept_lost_or_invented() -> None:
    found = names_kept("He saw Ann and Carter. The marsh lay dark.", "Ann came. So he met Obed in the Marsh.")
    assert found == Kept(("Ann",), ("Carter",), ("Obed",))  # the marsh is in the source, if without its capital
    assert (found.kept_share, found.invented_share) == (0.5, 0.5)
    nothing = names_kept("he came", "he went")
    assert nothing.kept_share is nothing.invented_share is None


def test_numbers_are_kept_lost_or_invented() -> None:
    found = numbers_kept("Twelve men in 1926", "12 men and three dogs")
    assert found == Kept(("12",), ("1926",), ("3",))
    assert (found.kept_share, found.invented_share) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("He came on the 12th of May.", "On the twelfth of May he came."),
        ("He came on 12 May.", "On the twelfth of May he came."),
        ("It was his twenty-first year.", "It was his 21st year."),
        ("There were 106 men.", "There were a hundred and six men."),
        ("There were 26 men.", "There were six-and-twenty men."),
        ("It was his 26th year.", "It was his six-and-twentieth year."),
        ("There were 100 men.", "There were a hundred men."),
        ("There were 1,000 men.", "There were a thousand men."),
        ("There was 1 man.", "There was one man."),
        ("He came in 1845.", "He came in eighteen forty-five."),
        ("He came in 1905.", "He came in nineteen oh five."),
        ("There were 5 million men.", "There were five million men."),
        ("There were 2.5 million men.", "There were two and a half million men."),
        ("There were twenty-four men.", "There were two dozen men."),
        ("There were twenty men.", "There were a score of men."),
        ("There were six men.", "There were half a dozen men."),
        ("There were 87 men.", "There were fourscore and seven men."),
        ("He came at 3:30.", "He came at half past three."),
        ("He came at 3:45.", "He came at a quarter to four."),
        ("He came at 15:50.", "He came at ten to four."),
        ("He came at 12:30.", "He came at twelve thirty."),
        ("He drank 3.5 cups.", "He drank three and a half cups."),
        ("He read Chapter XIV.", "He read chapter 14."),
        ("He read of Louis XIV.", "He read of Louis the Fourteenth."),
    ],
)
def test_a_number_is_kept_in_any_way_of_writing_it_and_another_is_not(one: str, other: str) -> None:
    for source, output in ((one, other), (other, one)):
        found = numbers_kept(source, output)
        assert found.lost == found.invented == ()
    assert numbers_kept("There were 7 men.", f"There were 7. {other}").lost == ()
    assert "7" in numbers_kept(f"There were 7. {one}", other).lost


@pytest.mark.parametrize(
    ("source", "output", "lost", "invented"),
    [
        ("He came in 1845.", "He came in eighteen forty-six.", ["1845"], ["18", "46"]),
        ("He came in 1845.", "He came with eighteen men.", ["1845"], ["18"]),
        ("Eighteen men came in eighteen forty-five.", "Men came in 1845.", ["18"], []),
        ("There were 5 million men.", "There were six million men.", ["5000000"], ["6000000"]),
        ("There were two dozen men.", "There were 12 men.", ["24"], ["12"]),
        ("He read Chapter XIV.", "He read chapter 15.", [], ["15"]),
    ],
)
def test_a_number_in_two_words_that_is_another_is_lost_and_invented(
    source: str, output: str, lost: list[str], invented: list[str]
) -> None:
    found = numbers_kept(source, output)
    assert (list(found.lost), list(found.invented)) == (lost, invented)


def test_a_year_is_the_same_content_in_words() -> None:
    assert content_recall("1845", "eighteen forty-five") == content_recall("eighteen forty-five", "1845") == 1


def test_words_that_nobody_writes_are_unknown_and_names_and_what_was_given_are_not() -> None:
    gibberish = "The sume and I was difted and shast the log, and Peter Vurrgh’s housh observ’d it."
    assert unknown_words("", gibberish) == ["difted", "shast", "housh"]
    assert unknown_words("A housh was difted.", gibberish) == ["shast"]
    old = "Methinks the gibbous moon o’erlooked 12 cyclopean fanes; ’twas the keepers’ daemon."
    assert unknown_words("", old) == []
    assert unknown_words("", "") == []


def test_the_length_ratio_is_of_words() -> None:
    assert length_ratio("one two three four", "one, two: three — four five six!") == 1.5
    assert length_ratio("…", "one") is None
    assert length_ratio("one", "") == 0


def test_chrf_is_that_of_its_formula() -> None:
    output, reference = "the keeper lit", "a keeper lights"
    scores = []
    for size in range(1, 7):  # of the letters without spaces
        grams = [
            Counter(text[start : start + size] for start in range(len(text) - size + 1))
            for text in (output.replace(" ", ""), reference.replace(" ", ""))
        ]
        shared = (grams[0] & grams[1]).total()
        scores.append((shared / grams[0].total(), shared / grams[1].total()))
    precision, recall = (sum(score) / 6 for score in zip(*scores))
    expected = 5 * precision * recall / (4 * precision + recall)  # beta 2
    assert chrf([output], [reference]) == pytest.approx(expected, abs=1e-9)


def test_chrf_of_nothing_is_unknown_and_of_the_same_is_one() -> None:
    assert chrf([], []) is None
    assert chrf([SOURCE], [SOURCE]) == pytest.approx(1)
    assert chrf([""], [SOURCE]) == 0


def test_the_same_order_is_one_and_the_opposite_minus_one() -> None:
    assert order_tau(SOURCE, SOURCE) == pytest.approx(1)
    turned = "A storm broke windows. Sailors drowned, 12. The ship from Boston. The keeper’s lamp."
    assert order_tau(SOURCE, turned) == pytest.approx(-1)


def test_one_exchange_of_neighbours_in_four_sentences_is_two_thirds() -> None:
    # of the 6 pairs 5 are in order and 1 is not
    turned = "A ship came from Boston. The keeper lit the lamp. Twelve sailors drowned. The storm broke the window."
    assert order_tau(SOURCE, turned) == pytest.approx((5 - 1) / 6)


def test_splitting_sentences_and_adding_others_changes_no_order() -> None:
    split = (
        "Nobody wrote. The keeper came. He lit a lamp. A ship came. It was from Boston. The storm came. "
        "It broke a window."
    )
    assert order_tau(SOURCE, split) == pytest.approx(1)


def test_the_place_of_a_sentence_is_the_mean_of_its_parts() -> None:
    # the lamp at 0, 2 and 3 is after the ship at 1
    parts = "The keeper came. A ship was from Boston. He lit it. The lamp was lit."
    assert order_tau("The keeper lit the lamp. A ship came from Boston.", parts) == pytest.approx(-1)


def test_of_equally_like_sentences_the_first_is_meant() -> None:
    assert order_tau("The lamp burned. The ship sank. The lamp burned.", "The ship sank. The lamp burned.") == -1


def test_without_two_sentences_in_common_there_is_no_order() -> None:
    assert order_tau(SOURCE, "The keeper lit the lamp.") is None
    assert order_tau(SOURCE, "Nothing is here of that. Nobody wrote.") is None
    assert order_tau("", "") is order_tau("One.", "") is None


def test_lovecrafts_names_are_found(lovecraft: Path) -> None:
    found = names((lovecraft / "the-call-of-cthulhu.txt").read_text())
    assert {"Angell", "Cthulhu", "Legrasse", "Providence", "R'lyeh", "Johansen"} <= set(found)
    assert not {"The", "They", "It", "I", "And", "His"} & set(found)
