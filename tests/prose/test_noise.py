import os
import re
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.noise import KINDS, Kind, perturbed, synonym
from stages.prose.text import words
from tests.conftest import ROOT

ALL: dict[Kind, float] = {"synonym": 0.5, "article": 0.2, "swap": 0.2, "typo": 0.1}
NOUNS = words("house garden street river letter ship window mountain village machine doctor stranger harbour island")
VERBS = words("found watched carried opened followed remembered described reached entered noticed left repaired")
ADJECTIVES = words("old small dark quiet large empty narrow strange cold heavy broken distant")
PLACES = ("near the wall", "in the morning", "behind a hill", "without any light", "after the long winter")
NAMES = ("Marlow", "Anna Petersen", "Captain Reeve", "Kingsport")


def plain(seed: int, sentences: int = 12) -> str:
    """Made-up plain prose with names, numbers, speech and paragraphs: 8 to 20 words a sentence."""
    rng = Random(seed)
    found = []
    for _ in range(sentences):
        adjective, other = rng.sample(ADJECTIVES, 2)
        noun, thing = rng.sample(NOUNS, 2)
        line = f"the {adjective} {noun} {rng.choice(VERBS)} a {other} {thing} {rng.choice(PLACES)}"
        match rng.randrange(5):
            case 0:
                line = f"{rng.choice(NAMES)} {rng.choice(VERBS)} {line} in {rng.randrange(1700, 1999)}"
            case 1:
                line = f"“Leave the {thing} alone,” said {rng.choice(NAMES)}, and {line}"
            case 2:
                line = f"there were {rng.choice(('three', '12', 'a hundred'))} people who {rng.choice(VERBS)} {line}"
        found.append(line[0].upper() + line[1:] + "." + rng.choice((" ", " ", " ", "\n\n")))
    return "".join(found).strip()


def aligned(before: str, after: str, band: int = 25) -> int:
    """Words changed, by the cheapest alignment of the two texts, which knows nothing of how it was done.

    Levenshtein's distance of words: a substitution costs 1, a dropped word 1, a swap of two neighbours 2. (difflib's
    alignment isn't the cheapest: where words repeat it counts too much.) Words further apart than `band` don't match.
    """
    one, two = words(before), words(after)
    row = {j: j for j in range(band + 1)}
    for i, word in enumerate(one, start=1):
        new: dict[int, int] = {}
        for j in range(max(0, i - band), min(len(two), i + band) + 1):
            ways = [row.get(j, i + j) + 1, new.get(j - 1, i + j) + 1]
            ways += [row[j - 1] + (word != two[j - 1])] if j - 1 in row else []
            new[j] = min(ways)
        row = new
    return row[len(two)]


@pytest.mark.parametrize("rate", [0.08, 0.15])
def test_the_rate_asked_for_is_the_share_of_words_changed_within_a_point(rate: float) -> None:
    exact = 0
    for seed in range(200):
        text = plain(seed, 5 + seed % 15)
        noisy = perturbed(text, rate, Random(seed), ALL)
        count = len(words(text))
        assert noisy.words == count >= 50
        assert abs(aligned(text, noisy.text) / count - rate) <= 0.01, text
        assert abs(noisy.changed / count - rate) <= 0.01
        exact += aligned(text, noisy.text) == noisy.changed
    assert exact >= 195


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_alone_changes_as_many_words_as_it_says(kind: Kind) -> None:
    for seed in range(40):
        text = plain(seed)
        noisy = perturbed(text, 0.06, Random(seed), {kind: 1.0})
        assert 0 < noisy.changed <= round(0.06 * noisy.words)
        assert aligned(text, noisy.text) == noisy.changed


def test_kinds_come_in_proportion_to_their_weights() -> None:
    swaps = typos = 0
    for seed in range(100):
        text = plain(seed)
        before, after = words(text), words(perturbed(text, 0.06, Random(seed), {"swap": 1.0, "typo": 3.0}).text)
        moved = sum(before[i : i + 2] == after[i : i + 2][::-1] for i in range(len(before) - 1))
        swaps += moved
        typos += sum(one != other for one, other in zip(before, after)) - 2 * moved
    assert 2 < typos / swaps < 4


def test_too_few_places_show_in_the_realised_rate() -> None:
    noisy = perturbed("“Leave it,” said Marlow to the three.", 0.9, Random(1), ALL)
    assert noisy.words == 7
    assert noisy.changed < round(0.9 * 7)
    assert perturbed("", 0.5, Random(1), ALL) == ("", 0, 0)
    assert perturbed("Marlow! 1999?", 0.5, Random(1), ALL) == ("Marlow! 1999?", 0, 1)


def test_no_word_is_dropped_but_an_article() -> None:
    for seed in range(100):
        text = plain(seed)
        noisy = perturbed(text, 0.5, Random(seed), {"article": 1.0, "swap": 1.0})
        gone = sorted(words(text))
        for word in words(noisy.text):
            gone.remove(word)
        assert set(gone) <= {"a", "an", "the"}


def test_a_number_stays_with_what_it_counts() -> None:
    for seed in range(50):
        noisy = perturbed(
            "they saw 12 ships and then three boats while we had a hundred men", 1.0, Random(seed), {"swap": 1}
        )
        assert re.search("12 ships.* three boats.* a hundred men", noisy.text)


def kept(text: str) -> list[str]:
    """What noise may not touch, in order."""
    return re.findall(r"“[^”]*”|\[[^\]]*\]|\d[\w.,]*|\n\n|\b[A-Z]\w*|\b(?:three|hundred)\b|[.,;!?—]", text)


@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_names_numbers_speech_placeholders_and_paragraphs_survive(seed: int, rate: float, chance: int) -> None:
    text = plain(seed).replace(" a heavy ", " a [THING] ").replace("hill", "hill—so it seems—[3]")
    noisy = perturbed(text, rate, Random(chance), ALL)
    assert kept(noisy.text) == kept(text)
    assert noisy.text.count("\n\n") == text.count("\n\n")
    assert noisy.changed <= round(rate * noisy.words)


@given(st.text(alphabet=st.sampled_from("ab theTHE\n .“”[]1-’é—"), max_size=80), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_perturbed(text: str, rate: float) -> None:
    noisy = perturbed(text, rate, Random(0), ALL)
    assert noisy.words == len(words(text))
    assert noisy.changed <= round(rate * noisy.words)
    assert re.findall(r"\n+|\d", noisy.text) == re.findall(r"\n+|\d", text)


def test_a_synonym_shares_the_main_meaning_and_keeps_the_form() -> None:
    assert synonym("large", "JJ") == "big"
    assert synonym("tales", "NNS") == "stories"
    assert synonym("began", "VBD") == "started"
    assert synonym("have", "VBP") is None  # no word of grammar
    assert synonym("year", "NN") is None  # "yr" is an abbreviation
    assert synonym("hammer", "NN") is None  # a "cock" is something else first
    assert synonym("zzyzx", "NN") is None


def test_the_noise_is_the_same_in_another_process_whatever_its_hash_seed() -> None:
    code = "from tests.prose.test_noise import *; print(many())"
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert found.stdout.decode() == f"{many()}\n"


def many() -> list[bytes]:
    return [perturbed(plain(seed), 0.15, Random(seed), ALL).text.encode() for seed in range(5)]
