import pytest

from stages.prose.numerals import Number, numbers, numbers_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In 1926, at 3:15, some 1,204 men and 2.5 tons", ["1926", "3:15", "1204", "2.5"]),
        ("twenty-five ships, Two Hundred and Six men", ["25", "206"]),
        ("three thousand four hundred and one", ["3401"]),
        ("two million three hundred thousand and seven", ["2300007"]),
        ("twelve hundred, two and three, sixty and ten, twenty thirty", ["1200", "2", "3", "60", "10", "20", "30"]),
        ("nineteen twenty-six, twenty twelve, ten five", ["19", "26", "20", "12", "10", "5"]),
        ("one man, a hundred men, hundreds, the first, someone, often", []),
        ("one hundred men and twenty-one", ["100", "21"]),
        ("two men and 2 dogs", ["2"]),
        # ordinals
        ("On the 12th of May, the 2nd, the 1,003RD and the 21st", []),
        ("the twelfth of May, the twenty-first, the two hundred and sixth, the fortieth, a hundredth", []),
        ("the six-and-twentieth, the six and twentieth, the hundred and first", []),
        ("the two first chapters, ten second-hand books, fifty first editions", ["2", "10"]),  # 51st: missed
        ("in 1890s dress, 3d and 12 things", ["1890", "3", "12"]),
        # a hundred and something, and units before tens
        ("a hundred and six men, a thousand and one nights, some hundred and forty", ["106", "1001", "140"]),
        ("a hundred thousand, a thousand two hundred, several hundred", ["1200"]),
        ("a thousand one by one, a hundred and one", ["101"]),
        ("six-and-twenty men, four and thirty years, Nine-and-Ninety", ["26", "34", "99"]),
        ("between six and twenty men, from two and thirty on, six, and twenty", ["6", "20", "2", "30"]),
        ("twelve and twenty, ten and thirty", ["12", "20", "10", "30"]),
        # millions after figures, dozens and scores
        ("5 million, 2.5 million and 3 thousand men, 12 hundred", ["5000000", "2500000", "3000", "1200"]),
        ("two dozen, three dozen and six, four score and seven, threescore and ten", ["24", "36", "6", "87", "70"]),
        ("a dozen, half a dozen, a score, dozens; the score, on one score", []),
        ("", []),
    ],
)
def test_numbers_are_the_same_spelled_or_in_figures(text: str, expected: list[str]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("eighteen forty-five", ["1845", "1845"]),
        ("in nineteen eighty-four he", ["1984", "1984"]),
        ("nineteen oh five", ["1905", "1905"]),
        ("twenty twelve", ["2012", "2012"]),
        ("ten five, eighteen and forty, eighteen, forty; thirty forty, two hundred twenty twelve", [""] * 10),
        ("eighteen forty-fifth", ["", ""]),
    ],
)
def test_two_numbers_that_may_be_a_year_know_it(text: str, years: list[str]) -> None:
    assert [number.year for number in numbers_in(text)] == years


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("Chapter XIV, BOOK IV, Act V, part I", ["14", "4", "5", "1"]),
        ("Louis XIV and King Henry VIII", ["14", "8"]),
        ("Chapter LXXXIX", ["89"]),
        ("the lamp I saw, Lamp I, a mix, Mix it, chapter Lamp, IV", []),
    ],
)
def test_roman_numerals_after_a_chapter_or_a_name_count_for_nothing_by_themselves(
    text: str, figures: list[str]
) -> None:
    assert numbers_in(text) == [Number(one, False) for one in figures]


def test_what_counts_for_nothing_by_itself_may_stand_for_a_number() -> None:
    found = numbers_in("one man of a hundred came on the 12th, and two on the thirteenth")
    assert found == [
        Number("1", False),
        Number("100", False),
        Number("12", False),
        Number("2", True),
        Number("13", False),
    ]
