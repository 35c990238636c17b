"""Verbs that a conjunction or a mark joins to a narrator's: I rose and was glad; I walk and sing."""

from stages.prose.found import PRESENT_MODALS, Found, verbal
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
# Of these the ones that only have an object as verbs: I sit up and clear the table; I eat it and like it.
WITH_OBJECTS = NO_VERBS - listed("except till past down up out right best better lest spite forward back must ought")
SUBORDINATING = listed(
    "that if because while whilst as since until till before after though although than whether lest"
)
OPENING = SUBORDINATING | {"", ",", ";", ":", "and", "but", "or", "for", "when", "what", "which", "who"}
NOW = listed("now still yet today nowadays")  # with these a bare verb after a past one is a present
SURELY_VERBAL = 0.8  # as VERBAL, for a verb that no noun is likely to be meant by: wait, walk, look
JOINTS = frozenset(("and", "or", "but", "nor", "yet", "then"))
STOPS = frozenset((",", ";", ":", "—", "–", "-", "(", ")", "...", "…", "“", "”", '"', "‘", "’", "[", "]", "--"))
SUBJECTS = frozenset(("he", "she", "it", "they", "we", "you", "who", "which", "there", "thou", "ye", "what"))


class Joined(Found):
    """Adds the joined verbs to those that are found."""

    def join(self) -> None:
        """Find verbs that a conjunction joins to the narrator's: I rose and was glad; I walk and sing."""
        sentence = self.sentence
        for index, word in enumerate(sentence.low):
            if index in self.found or word == "be":
                continue
            joint = sentence.before(index)
            if not self.plural and joint >= 0 and kind(word) in (PRESENT, EITHER) and self._is_parted(index, joint):
                raise Ambiguous("joined_present")
            if not self._may_be_joined(index, word):
                continue
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
        if word in AUXILIARIES or word in OTHERS or word in ADVERBS or not word[0].isalpha():
            return False
        if kind(word) not in (PRESENT, EITHER):
            return False
        tag = self.sentence.tags[index]
        joint = self.sentence.before(index)
        is_joint, is_comma = self.sentence.at(joint) in JOINTS, self.sentence.at(joint - 1) in (",", ";", "—", "–")
        if word in NO_VERBS:
            # fears to go, long to stay; but: waits, like my brother
            is_verb = self.has_object(index) and (is_joint or word not in ("like", "near", "round", "save"))
            is_verb |= (word, self.sentence.at(index + 1)) in (("long", "to"), ("own", "that"))
            return word in WITH_OBJECTS and is_verb and self._present_before(index)
        if is_joint and is_comma and self._present_before(index):
            return True  # I dream by day, and wake with fear
        is_mark = is_joint or self.sentence.at(joint) in (",", ";", ":", "—", "–", "--")
        if is_mark and self._present_before(index) and self.fits(index):
            return True  # I dry the glass, clean the brass
        if is_joint and self.found and joint + 1 < index and self.fits(index):
            return True  # I was never brave, and never claim to be
        ended = self.sentence.at(index + 1)
        if is_mark and self.found.get(joint - 1) == PRESENT and (ended in JOINTS or not ended[:1].isalpha()):
            return True  # I grieve, rage, despair
        joined = self.sentence.at(index - 2) in (",", ";") and self.sentence.at(index - 1) in JOINTS
        if joined and index + 1 in self.narrators and self._present_before(index):
            return True  # I seem to ramble; and fear I tire you
        if self.found.get(index - 2) in (PRESENT, MODAL) and self.sentence.low[index - 1] in JOINTS:
            return True  # I neither eat nor drink
        return tag in ("VB", "VBP") or "other" not in forms(word) or (tag == "NN" and self.has_object(index))

    def _present_before(self, index: int) -> bool:
        """Whether the narrator's last verb before `index` is a present one other than am."""
        before = [place for place in self.found if place < index]
        return bool(before) and self.found[max(before)] in (PRESENT, HAVE, DO, AM)

    def _is_parted(self, index: int, joint: int) -> bool:
        """Whether but a phrase parts the bare verb at `index` from a conjunction: I wake, and by night walk."""
        sentence = self.sentence
        if "and" in sentence.low[joint + 1 : index] and sentence.low[joint] not in STOPS | JOINTS | SUBJECTS:
            # I sleep now and then wake; but: I know that men now and then sleep
            return self._present_before(index) and sentence.tags[joint] not in ("NNS", "CD", "DT")
        if not sentence.tags[joint].startswith(("NN", "CD", "JJ")) or not self._present_before(index):
            return False
        if sentence.tags[index] not in ("VB", "VBP") and not self.fits(index):
            return False
        nouns = 0
        for place in range(joint, -1, -1):
            word, tag = sentence.low[place], sentence.tags[place]
            if place in self.found or place in self.narrators or sentence.is_finite(place):
                return False
            nouns += tag.startswith("NN")
            if word in JOINTS or word in (",", ";", "—", "–"):
                return False
            opens = tag in ("IN", "TO") or word in ("every", "each")
            if opens and (sentence.at(place - 1) in JOINTS or sentence.at(place - 1) in (",", ";", "—", "–")):
                return nouns == 1 and word not in SUBORDINATING
        return False

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
        likely = sure or is_next or comma or self.has_object(index) or self.fits(index)
        surely = sure or is_next or (self.has_object(index) and sentence.tags[index] in ("VB", "VBP"))
        surely |= word not in NO_VERBS and self._is_verb_by_place(index, joint)
        near = all(sentence.is_adverb(place) or sentence.low[place] == "," for place in between)
        if word in ("have", "do") and mark in JOINTS and near and is_clear:
            self.add(index, self.subject[verb], kind(word) or PRESENT)  # I always did, and do, fear it
            return
        if tense in (PAST, MODAL, DO) and word == "do" and following in ("not", "n't"):
            raise Ambiguous("joined_present")  # I did what I could and do not regret it
        if tense in (PAST, MODAL) and likely and NOW.intersection(sentence.low[joint + 1 : index + 4]):
            raise Ambiguous("joined_present")  # I used to fear it and now love it
        if tense == DO and mark == "but" and likely:
            raise Ambiguous("joined_present")  # I do not complain, but hope
        is_perfect = word == "have" and "participle" in forms(sentence.at(sentence.after(index)))
        if tense == MODAL and is_perfect and comma:
            raise Ambiguous("joined_present")  # I could not stay, and have never returned
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
            if is_clear and likely and sentence.low[verb] in PRESENT_MODALS and (comma or mark == "but"):
                raise Ambiguous("joined_present")
            return
        if not is_clear or infinitive:
            if comma or not infinitive:
                raise Ambiguous("joined_present")
            return
        if not comma and likely and any(self._is_others_infinitive(place) for place in between):
            raise Ambiguous("joined_present")  # I watch the tide come and go
        if kind(word) == EITHER or (mark not in JOINTS and joint > verb + 1):
            raise Ambiguous("joined_present")
        if surely:
            self.add(index, self.subject[verb], kind(word) or PRESENT)
        elif likely or sentence.tags[index] in ("VB", "VBP"):
            raise Ambiguous("joined_present")

    def _is_others_infinitive(self, index: int) -> bool:
        """Whether the word at `index` is a bare verb with another subject: I watch the tide come."""
        sentence = self.sentence
        if index in self.found or sentence.tags[index] not in ("VB", "VBP") or kind(sentence.low[index]) != PRESENT:
            return False
        before = sentence.tags[sentence.before(index)]
        return before.startswith(("NN", "PRP")) and not before.endswith("$")

    def _is_verb_by_place(self, index: int, joint: int) -> bool:
        """Whether the word at `index` can't be joined as a noun to what is before `joint`: I bow to him and smile."""
        sentence = self.sentence
        if sentence.tags[index] in ("VB", "VBP") and verbal(sentence.low[index]) >= SURELY_VERBAL:
            return True
        before = joint - 1
        while before >= 0 and sentence.low[before] == ",":
            before -= 1
        if sentence.tags[before].startswith(("NN", "JJ", "CD", "DT", "VB", "FW")) or before in self.found:
            return False
        return self.has_object(index) or (self.fits(index) and verbal(sentence.low[index]) > 0.5)

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
        opening = self._unit(subject)
        is_command = self.sentence.tags[opening] in ("VB", "VBP") and kind(self.sentence.low[opening]) == PRESENT
        if opening < subject and opening not in self.found and is_command:
            return verb, False  # See me as I am, and pity me
        return verb, not asides[verb] and not any(self._disputes(range(*ends)) for ends in spans)

    def _disputes(self, places: range) -> bool:
        """Whether another subject or another subject's verb is in `places`."""
        sentence = self.sentence
        for place in places:
            if place in self.found or place in self.narrators:
                continue
            word = sentence.low[place]
            following = sentence.after(place)
            bare = sentence.kind(following) if following < len(sentence.low) else None
            if word == "you" and bare and sentence.at(place - 1) in OPENING:
                return True  # You see me as I am
            if sentence.tags[place] == "NNS" and bare == PRESENT and sentence.tags[following] in ("VB", "VBP"):
                return True  # The men wait while I sleep
            if word in ("it", "you", "what", "there"):  # objects too
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
