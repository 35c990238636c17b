"""Verbs that a conjunction or a mark joins to a narrator's: I rose and was glad; I walk and sing."""

from stages.prose.found import PRESENT_MODALS, Found
from stages.prose.verbs import (
    ADVERBS,
    AM,
    AUXILIARIES,
    DO,
    EITHER,
    HAVE,
    MODAL,
    OTHERS,
    PAST,
    PRESENT,
    WAS,
    Ambiguous,
    forms,
    kind,
    listed,
)

# Words that can be bare verbs but, after a comma or a conjunction, are something else.
NO_VERBS = listed(
    "except save like near till round past down up out right clear close lower best better cold cool warm dim "
    "slow free open still lest spite forward back long own must ought let"
)
JOINTS = frozenset(("and", "or", "but", "nor", "yet", "then"))
STOPS = frozenset((",", ";", ":", "—", "–", "-", "(", ")", "...", "…", "“", "”", '"', "‘", "’", "[", "]", "--"))
SUBJECTS = frozenset(("he", "she", "it", "they", "we", "you", "who", "which", "there", "thou", "ye", "what"))


class Joined(Found):
    """Adds the joined verbs to those that are found."""

    def join(self) -> None:
        """Find verbs that a conjunction joins to the narrator's: I rose and was glad; I walk and sing."""
        sentence = self.sentence
        for index, word in enumerate(sentence.low):
            if index in self.found or not self._may_be_joined(index, word):
                continue
            joint = sentence.before(index)
            if joint < 0:
                if word == "have" and "participle" in forms(sentence.at(sentence.after(index))):
                    raise Ambiguous("no_subject")  # a diary's: Have slept badly.
                continue
            if sentence.at(joint + 1) in ("yet", "then") and sentence.low[joint] in (",", ";"):
                joint += 1
            mark = sentence.low[joint]
            if mark not in JOINTS and mark not in (",", ";", ":", "—", "–", "--"):
                continue
            if self.plural:
                self._join_was(index, joint)
            elif word == "shall":
                self._join_shall(index, joint)
            else:
                self._join_present(index, joint)

    def _may_be_joined(self, index: int, word: str) -> bool:
        """Whether the verb at `index` is one that would change if it were the narrator's."""
        if self.plural:
            return word == "was"
        if word in ("have", "do", "shall"):
            return True
        if word in AUXILIARIES or word in OTHERS or word in ADVERBS | NO_VERBS or not word[0].isalpha():
            return False
        if kind(word) not in (PRESENT, EITHER):
            return False
        tag = self.sentence.tags[index]
        comma = self.sentence.at(index - 2) == "," and self.sentence.at(index - 1) in ("and", "but", "or", "yet")
        if comma and self._present_before(index):
            return True  # I dream by day, and wake with fear
        joined = self.sentence.at(index - 2) in (",", ";") and self.sentence.at(index - 1) in JOINTS
        if joined and index + 1 in self.narrators and self._present_before(index):
            return True  # I seem to ramble; and fear I tire you
        if self.found.get(index - 2) in (PRESENT, MODAL) and self.sentence.low[index - 1] in JOINTS:
            return True  # I neither eat nor drink
        return tag in ("VB", "VBP") or "other" not in forms(word) or (tag == "NN" and self.has_object(index))

    def _present_before(self, index: int) -> bool:
        """Whether the narrator's last verb before `index` is a present one other than am."""
        before = [place for place in self.found if place < index]
        return bool(before) and self.found[max(before)] in (PRESENT, HAVE, DO)

    def _join_was(self, index: int, joint: int) -> None:
        """Settle whether the "was" at `index`, after the conjunction or mark at `joint`, is the narrator's."""
        sentence = self.sentence
        following = sentence.at(sentence.after(index))
        mark = sentence.low[joint]
        if mark == "nor" or following in SUBJECTS or following == "i":
            return  # nor was the house; and was there
        subject, is_clear = self._antecedent(joint)
        if subject is None:
            return
        if mark not in JOINTS:
            opened = max((at for at in range(joint) if sentence.low[at] == ","), default=-1) + 1
            if sentence.low[opened] in JOINTS:
                opened += 1  # I rose, and looking round, was struck
            is_participle = opened < joint and sentence.tags[opened] in ("VBG", "VBN") and opened > subject
            if is_clear and (is_participle or not any(word in STOPS for word in sentence.low[subject:joint])):
                raise Ambiguous("joined_was")
            return
        if not is_clear:
            raise Ambiguous("joined_was")
        self.add(index, self.subject[subject], WAS)

    def _join_shall(self, index: int, joint: int) -> None:
        """Add the shall at `index` if what is before the conjunction at `joint` is surely the narrator's."""
        verb, is_clear = self._antecedent(joint)
        if verb is not None and is_clear and self.sentence.low[joint] in JOINTS:
            self.add(index, self.subject[verb], MODAL)

    def _join_present(self, index: int, joint: int) -> None:
        """Settle whether the present verb at `index`, after the conjunction or mark at `joint`, is the narrator's."""
        sentence = self.sentence
        mark, word = sentence.low[joint], sentence.low[index]
        verb, is_clear = self._antecedent(joint)
        if verb is None:
            return
        tense = self.found[verb]
        between = range(verb + 1, joint)
        infinitive = any(
            (sentence.low[place] == "to" and "bare" in forms(sentence.at(sentence.after(place))))
            or AUXILIARIES.get(sentence.low[place]) == MODAL
            or sentence.low[place] == "did"
            for place in between
        )
        following = sentence.at(index + 1)
        if word in ("have", "do") and (following in ("not", "n't", "never") or "participle" in forms(following)):
            infinitive = False  # I promised to tell it, and do not break my word
        comma = mark not in JOINTS or sentence.at(joint - 1) in (",", ";", ":", "—", "–")
        sure = word in ("have", "do") or ("other" not in forms(word) and kind(word) == PRESENT)
        is_next = joint == verb + 1 and mark in JOINTS  # I wake or sleep
        likely = sure or is_next or self.has_object(index) or comma
        if sentence.low[verb] == "did" or (tense in (MODAL, DO) and mark == ","):
            return  # I did not, however, wake
        if tense in (PAST, WAS):
            infinitive |= not comma and any(
                "bare" in forms(sentence.low[place]) and sentence.tags[place][:2] == "VB" for place in between
            )
            if infinitive or not is_clear or not likely or kind(word) == EITHER:
                return
            raise Ambiguous("joined_present")
        if tense in (MODAL, DO):
            if likely and (
                is_next or any(self.found[place] in (AM, HAVE, PRESENT, DO) for place in self.found if place < verb)
            ):
                raise Ambiguous("joined_present")  # I do what I can and hope for the best
            if is_clear and comma and likely and sentence.low[verb] in PRESENT_MODALS:
                raise Ambiguous("joined_present")
            return
        if not is_clear or infinitive:
            if comma or not infinitive:
                raise Ambiguous("joined_present")
            return
        if kind(word) == EITHER or (mark not in JOINTS and joint > verb + 1):
            raise Ambiguous("joined_present")
        if sure or is_next or (self.has_object(index) and sentence.tags[index] in ("VB", "VBP")):
            self.add(index, self.subject[verb], kind(word) or PRESENT)
        elif likely or sentence.tags[index] in ("VB", "VBP"):
            raise Ambiguous("joined_present")

    def _antecedent(self, joint: int) -> tuple[int | None, bool]:
        """The narrator's verb that a verb after `joint` may be joined to, and whether nothing speaks against it."""
        # What comes right after an aside may be joined to it all the same: At night, I wake, and have no rest.
        asides = {place: self._is_aside(place) for place in self.found if place < joint}
        verbs = [place for place, is_aside in asides.items() if not is_aside or joint - place <= 3]
        if not verbs:
            return None, False
        verb = max(verbs)
        subject = self.subject[verb]
        spans = ((verb + 1, joint), (self._unit(subject), subject))
        return verb, not asides[verb] and not any(self._disputes(range(*ends)) for ends in spans)

    def _disputes(self, places: range) -> bool:
        """Whether another subject or another subject's verb is in `places`."""
        sentence = self.sentence
        for place in places:
            if place in self.found or place in self.narrators:
                continue
            word = sentence.low[place]
            if word in ("it", "you", "what", "there"):  # objects too
                following = sentence.after(place)
                if following < len(sentence.low) and sentence.is_finite(following):
                    return True
            elif word in SUBJECTS:
                return True
            if sentence.is_finite(place) and sentence.at(sentence.before(place)) not in JOINTS | {",", ";"}:
                return True
        return False

    def _unit(self, index: int) -> int:
        """Where the main clause around `index` begins: after a strong mark, or a comma with and, but, for, so."""
        sentence = self.sentence
        for place in range(index - 1, -1, -1):
            if sentence.low[place] in (";", ":", "—", "–", "“", "”", '"', "(", ")", "--"):
                return place + 1
            if sentence.low[place] == "," and sentence.at(place + 1) in ("and", "but", "for", "so", "yet"):
                return place + 1
        return 0

    def _is_aside(self, verb: int) -> bool:
        """Whether the narrator's verb is a clause between commas, which nothing joins: I think; as I say."""
        sentence = self.sentence
        subject = self.subject[verb]
        opened = sentence.at(subject - 1)
        if opened in ("as", "so"):
            opened = sentence.at(subject - 2)
        marks = (",", "—", "–", "(", ")", "--")
        is_full = self.found[verb] not in (PRESENT, HAVE, DO) or sentence.is_adverb(verb + 1)
        end = verb + 2 if is_full and sentence.at(verb + 1) not in marks else verb + 1
        return opened in marks and sentence.at(end) in marks
