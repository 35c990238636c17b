import pytest

from stages.prose.misleading import KEPT, WRONG
from stages.prose.synonyms import PLAIN, plainer


@pytest.mark.parametrize(
    ("word", "tag", "plain"),
    [
        ("beheld", "VBD", "saw"),
        ("beheld", "VBN", "seen"),
        ("commencing", "VBG", "starting"),
        ("slain", "VBN", "killed"),
        ("vaster", "JJR", "huger"),
        ("abodes", "NNS", "homes"),
        ("visage", "NN", "face"),
        ("hideous", "JJ", "ugly"),
        ("seldom", "RB", "rarely"),
        ("approached", "VBD", "came near"),
        ("nightmares", "NNS", "bad dreams"),
        ("physician", "NN", "doctor"),
        ("overcoat", "NN", "coat"),  # WordNet's broader word
        ("sluggish", "JJ", "slow"),  # WordNet's synonym
    ],
)
def test_a_literary_word_becomes_a_plain_one_in_the_same_form(word: str, tag: str, plain: str) -> None:
    assert plainer(word, tag) == plain


@pytest.mark.parametrize(
    ("word", "tag", "bad"),
    [
        ("evening", "NN", "even"),
        ("inch", "NN", "in"),
        ("merely", "RB", "but"),
        ("foot", "NN", "pes"),
        ("none", "NN", "hour"),
        ("yard", "NN", "pace"),
        ("sheer", "JJ", "out-and-out"),
        ("visage", "NN", "mug"),
        ("bizarre", "JJ", "off-the-wall"),
        ("spoil", "VB", "fuck up"),
        ("lay", "VBD", "put"),
        ("remains", "NNS", "stays"),
        ("found", "VBD", "started"),
        ("con", "VB", "memorize"),
        ("memorized", "VBD", "conned"),
        ("rams", "NNS", "computer memories"),
        ("ladder", "NN", "steps"),
        ("confinement", "NN", "work"),
        ("insolent", "JJ", "flip"),
        ("contempt", "NN", "despite"),
        ("veal", "NN", "solid food"),
        ("lip", "NN", "body part"),
        ("boast", "VB", "gas"),
        ("moon", "NN", "month"),
        ("prying", "JJ", "strange"),
        ("minutes", "NNS", "moments"),
        ("wound", "VBD", "hurt"),
        ("wound", "NN", "hurt"),
        ("springs", "NNS", "seasons"),
        ("sunset", "NN", "night"),
        ("cottage", "NN", "wooden house"),
        ("colza", "NN", "rape"),
        ("absence", "NN", "want"),
        ("newcomers", "NNS", "freshmen"),
        ("marine", "NN", "man"),
        ("stranger", "NN", "unknown man"),
        ("watch", "NN", "look at"),
        ("landing", "NN", "top"),
        ("log", "NN", "wood"),
        ("oats", "NNS", "grasses"),
        ("trunks", "NNS", "shorts"),
        ("vault", "NN", "dying"),
        ("ta", "NN", "metal"),  # the mark of an element
        ("professor", "NN", "prof"),  # a clipped form is no plainer
        ("gripe", "VBP", "bitch"),
    ],
)
def test_a_bad_synonym_does_not_come_back(word: str, tag: str, bad: str) -> None:
    assert plainer(word, tag) != bad


def test_of_several_words_the_one_that_heads_them_is_inflected() -> None:
    assert plainer("coffins", "NNS") == "boxes for the dead"
    assert plainer("footprints", "NNS") == "marks of the foot"


def groups(upos: str) -> list[tuple[str, list[str]]]:
    lines = [line.strip().partition(": ") for line in PLAIN[upos].split("\n") if line.strip()]
    return [(target, sources.split()) for target, _, sources in lines]


@pytest.mark.parametrize("upos", sorted(PLAIN))
def test_no_word_of_the_table_has_two_plain_words_and_none_leads_on(upos: str) -> None:
    sources = [source for _, found in groups(upos) for source in found]
    assert sorted(set(sources)) == sorted(sources)
    assert not {target for target, _ in groups(upos)} & set(sources)
    assert not {target for target, _ in groups(upos)} & WRONG & KEPT[upos]


def test_common_words_names_and_unknown_words_stay() -> None:
    for word, tag in [
        ("house", "NN"),
        ("went", "VBD"),
        ("Arkham", "NNP"),
        ("xqzzyx", "NN"),
        ("the", "DT"),
        ("not", "RB"),
    ]:
        assert plainer(word, tag) is None
