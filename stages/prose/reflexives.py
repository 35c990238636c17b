"""Which "myself" is reflexive or stresses an "I", and which stands for a mere "me": its fondness for myself."""

from collections.abc import Collection

from stages.prose.joined import JOINTS
from stages.prose.verbs import Sentence, listed

# After these it stands beside somebody else: my father and myself, such as myself, it was myself.
BESIDE = listed("and or nor than like unlike as but save except excepting neither both either between was is were be")
PREPOSITIONS = listed(
    "to of for from with by on upon in into at about above after against around before behind beneath beside besides "
    "beyond near over round through toward towards under unto within without outside inside concerning"
)
HELPING = listed("had have has having was were been be being is are 'd 've 's")
STRESSING = listed("even only merely chiefly especially simply solely not")


def is_reflexive(sentence: Sentence, index: int, narrators: Collection[int], governed: Collection[int]) -> bool:
    """Whether the "myself" at `index` goes back to an "I" of its clause, where `governed` are the narrator's verbs."""
    place = index - 1
    while sentence.at(place) in STRESSING:
        place -= 1
    before = sentence.at(place)
    if place in narrators or place in governed:
        return True
    if not before[:1].isalpha():
        return sentence.at(place - 1) == "i"  # I, myself, saw it
    if before in BESIDE and not (before == "save" and sentence.tags[place].startswith("VB")):
        return False
    if not sentence.tags[place].startswith(("IN", "TO")) and before not in PREPOSITIONS:
        # an object, or what stresses an I: to save myself, found myself, knew it myself; but: it staggered even myself
        return place == index - 1 or not sentence.is_finite(place)
    if before == "of" and sentence.at(place - 1) == "exception":
        return False
    if before == "by" and sentence.tags[place - 1] in ("VBN", "VBD") and place - 1 not in governed:
        return False  # noticed by myself
    return _is_of_narrator(sentence, place, narrators, governed)


def _is_of_narrator(sentence: Sentence, place: int, narrators: Collection[int], governed: Collection[int]) -> bool:
    """Whether the narrator is the subject of the nearest verb from `place` leftwards, or of what follows."""
    for at in range(place, -1, -1):
        if at in governed or at in narrators:
            return True
        if sentence.low[at] in (";", ":"):
            return False
        if sentence.tags[at] == "VB" and sentence.at(at - 1) == "to":
            return True  # it was hard to keep it to myself
        subject = sentence.before(at)
        joint = sentence.low[subject] if subject >= 0 else ""
        if sentence.tags[at] == "VBG" and joint in ("", ","):
            return True  # speaking to myself, I
        if sentence.is_finite(at) and not (sentence.tags[at] == "VBD" and joint in HELPING):
            is_joined = joint in JOINTS or joint == ","
            return is_joined and any(narrator < at for narrator in narrators)
    return bool(narrators)  # in spite of myself I laughed
