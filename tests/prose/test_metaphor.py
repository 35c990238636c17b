"""The probes, and what the rules call a figure of speech: two tables written for the purpose, one read while the rules
were made and one after.
"""

import pytest

from stages.prose.metaphor import PROBES, figures, metaphor_share

PLAIN = """
The stock market is a place where shares are bought and sold.
A parking ticket is a notice that a car was parked where it was not allowed. It is a fine that must be paid.
A traffic jam is a line of cars that move slowly. It was a long one, and we were late.
A vending machine is a device that sells drinks, such as water, as soon as a coin is put in.
The waiting room was a small room with chairs and a table. I would like a chair.
A spreadsheet is a grid of cells in which numbers are kept. It looks the same as the old one.
The washing machine is an appliance for cleaning clothes. It is as large as the old one.
A shopping trolley is a basket on wheels. People like the big ones, as well as the small ones.
Things like the kettle stand beside the oven. They did not like the noise.
A password is a string of characters. It is a kind of key, as far as the bank is concerned.
The dentist was a tall woman. The appointment was as early as the 9 o’clock train.
The office network is a star network that links the printers. It was a tree farm once.
"""
FIGURES = """
The stock market is a beast that feeds upon the hopes of clerks.
A parking ticket lay beneath the wiper like a pale and accusing tongue.
The office printer groaned as if some buried thing were waking in it.
A traffic jam is a serpent of iron, coiled about the dying city.
The tax return is a labyrinth in which the reason of men is lost.
A vending machine stood humming, as patient as an idol before its altar.
The waiting room resembled a crypt.
The bus timetable was a kind of scripture.
The photocopier breathed as though it dreamed.
A light bulb is a captive star.
The staff meeting was a swamp in which the afternoon drowned.
An elevator is no less than a vertical coffin.
"""
MISSED = """
The recycling bin devours the bones of the week.
A plastic bag rose from the gutter, a ghost without a grave.
A credit card is a bridge to a country that does not exist.
"""
# Written after the rules were done, and not used to mend them: what to expect of answers nobody has seen.
UNSEEN_PLAIN = """
The stock market is an exchange where investors trade securities during the day.
A parking ticket is issued by the city, and the fee is due within a month.
The office printer is out of paper again, so the report will be late.
A traffic jam forms when more cars enter a road than can leave it.
The tax return is due in April, and most people file it online.
A vending machine is a coin-operated cabinet. It was next to the lift.
The waiting room was full. A man read the paper, and a child looked at the fish.
A phone charger is included in the box, as is a short cable.
The supermarket checkout is now automatic; customers scan the goods themselves.
A spreadsheet is a program that adds up columns, which many firms use for budgets.
The bus timetable is a sheet of paper behind glass. It was a cold morning.
A bank loan is an agreement in which a lender gives money to a borrower.
The photocopier is a big grey box that makes copies, and it works as well as the printer does.
A video call is a good way to see the family. It was a great day for all of us.
The car park is a flat open field with spaces for two hundred cars.
A job interview is a short talk about the work. The director was a friendly person.
The washing machine is a front loader that looks like any other model in the shop.
A train ticket is a small card that the guard checks. I felt like a coffee after the trip.
The insurance policy is a legal document of forty pages.
A password should be as long as the system allows, and it must not be a name.
"""
UNSEEN_FIGURES = """
The stock market is a tide that lifts the fool and drowns the wise.
A parking ticket is a small white curse.
The office printer is an ancient god that must be fed.
A traffic jam is a river that has forgotten the sea.
The tax return is a confession extorted by the state.
A vending machine glowed in the hall like an altar to forgotten appetites.
The waiting room was as silent as the bottom of a well.
A phone charger is an umbilical cord for the lonely.
The supermarket checkout is a drum that beats the hours of the poor.
A spreadsheet is a prison of numbers.
The bus timetable is a book of lies.
A bank loan is a millstone.
The photocopier squatted in its corner as if it waited for something.
A video call is a seance conducted by the living.
The car park lay like a drowned plain beneath the lamps.
A job interview is a duel fought with smiles.
The washing machine is a cyclops turning its one eye.
A train ticket seemed to me akin to a warrant.
The insurance policy is an umbrella that opens only in fair weather.
A password is a ghost that guards a door.
"""


def lines(table: str) -> list[str]:
    return table.strip().split("\n")


@pytest.mark.parametrize("answer", lines(PLAIN))
def test_plain_description_is_none(answer: str) -> None:
    assert figures(answer) == []


@pytest.mark.parametrize("answer", lines(FIGURES))
def test_similes_and_images_are_figures_of_speech(answer: str) -> None:
    assert figures(answer)


@pytest.mark.parametrize("answer", lines(MISSED))
def test_verbs_appositions_and_other_nouns_are_missed_as_the_module_says(answer: str) -> None:
    assert figures(answer) == []


def test_of_unseen_answers_one_plain_in_twenty_is_taken_for_a_figure_and_three_figures_in_five_are_found() -> None:
    assert metaphor_share(lines(UNSEEN_PLAIN)) == pytest.approx(0.05)
    assert metaphor_share(lines(UNSEEN_FIGURES)) == pytest.approx(0.6)


def test_each_figure_is_named() -> None:
    assert figures("It is a tomb, as cold as a stone, and rose like a wall; a door is the mouth of the dark.") == [
        "simile",
        "simile",
        "metaphor",
        "metaphor",
    ]


def test_the_share_is_of_the_answers() -> None:
    assert metaphor_share(["It is a tomb. It is a crypt.", "It is a room.", "", "像一座坟墓。"]) == 0.25
    assert metaphor_share([]) is None


@pytest.mark.parametrize(
    "line",
    ["It was {} like a tomb.", "It is {} a tomb.", "It is {} as silent as a tomb.", "It lay {} as if it were a tomb."],
)
def test_one_figure_for_everything_is_one_figure(line: str) -> None:
    answers = [line.format(word) for word in ("now", "only", "truly", "merely", "gravely")]
    assert all(figures(answer) for answer in answers)
    assert metaphor_share(answers) == 0.2
    assert metaphor_share([*answers, "It lay there like the sea."]) == pytest.approx(2 / 6)


def test_a_figure_that_comes_again_takes_nothing_from_a_new_one_beside_it() -> None:
    assert metaphor_share(["It is a tomb.", "It is a tomb, as cold as a stone.", "It is as cold as a stone."]) == (
        pytest.approx(2 / 3)
    )


def test_the_probes_are_forty_different_bare_nouns() -> None:
    assert len(set(PROBES)) == len(PROBES) == 40
    assert all(probe.startswith(("A ", "The ")) and probe[-1].isalpha() for probe in PROBES)
    assert metaphor_share(PROBES) == 0
