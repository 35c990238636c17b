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
        ("", []),
    ],
)
def test_numbers_are_the_same_spelled_or_in_figures(text: str, expected: list[str]) -> None:
    assert numbers(text) == expected


def test_what_counts_for_nothing_by_itself_may_stand_for_a_number() -> None:
    found = numbers_in("one man of a hundred came on the 12th, and two on the thirteenth")
    assert found == [
        Number("1", False),
        Number("100", False),
        Number("12", False),
        Number("2", True),
        Number("13", False),
    ]
