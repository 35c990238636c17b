"""Which verbs of a sentence have the narrator as their subject: plain, inverted, relative and joined ones."""

from collections.abc import Mapping, Sequence

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
    PASTS,
    PRESENT,
    VERBS_OR_ADVERBS,
    WAS,
    Ambiguous,
    Sentence,
    forms,
    kind,
    listed,
)

# Words that can be bare verbs but, after a comma or a conjunction, are something else.
NO_VERBS = listed(
    "except save like near till round past down up out right clear close lower best better cold cool warm dim "
    "slow free open still lest spite forward back long own must ought let"
)
PRESENT_MODALS = frozenset(("can", "may", "shall", "will", "must", "do", "cannot"))
JOINTS = frozenset(("and", "or", "but", "nor", "yet", "then"))
STOPS = frozenset((",", ";", ":", "—", "–", "-", "(", ")", "...", "…", "“", "”", '"', "‘", "’", "[", "]", "--"))
SUBJECTS = frozenset(("he", "she", "it", "they", "we", "you", "who", "which", "there", "thou", "ye", "what"))
SUBORDINATORS = listed(
    "when while whilst as that if because where since until till before after though although than which who whom "
    "whose what whether unless lest how why for"
)
OBJECTS = listed("the a an my his her its their our this these those him them it me us what how myself")
# With these a bare form after "that I" may be a subjunctive: he asked that I stay.
DEMANDS = listed(
    "demand demanded demanding demands insist insisted insisting insists suggest suggested suggesting suggests "
    "suggestion propose proposed proposing proposal request requested requesting order ordered ordering orders "
    "require required requires ask asked asking asks beg begged begging urge urged urging recommend recommended "
    "recommending desire desired command commanded commanding necessary essential important imperative better "
    "best advised advise entreated implored prayed directed enjoined decreed stipulated fitting proper grant "
    "forbid prefer preferred wish wished condition injunction injunctions instruction instructions plea entreaty "
    "insistence wishes commands advice stipulation"
)


# With these even a sentence that also tells of the past may tell of a habit: I read it every night still.
HABITS = listed("every still always often now sometimes never usually daily nightly each today nowadays ever")


class Finder:
    """Finds which verbs of one sentence have the narrator as their subject."""

    def __init__(self, sentence: Sentence, narrators: Sequence[int], plural: bool, past: bool) -> None:
        """`narrators` are the places of "I"; with `plural` only am and was matter, else only what takes an -s.

        `past` says that the text around tells of the past.
        """
        self.sentence, self.narrators, self.plural, self.past = sentence, frozenset(narrators), plural, past
        self.found: dict[int, str] = {}  # place of a verb: its kind
        self.subject: dict[int, int] = {}  # place of a verb: of its "I"

    def verbs(self, objects: Sequence[int]) -> Mapping[int, str]:
        """The places of the narrator's verbs and their kinds, where `objects` are the places of "me" and "myself".

        Raises Ambiguous if a verb that would change may have another subject.
        """
        for index in sorted(self.narrators):
            self._own(index)
        for index in sorted([*self.narrators, *objects]):
            self._relative(index)
        for index, word in enumerate(self.sentence.low):
            if word == "am" and index not in self.found and self.sentence.tags[index - 1] != "CD":
                self.found[index], self.subject[index] = AM, index
        self._joined()
        return self.found

    def _add(self, index: int, subject: int, word_kind: str) -> None:
        """Note that the verb at `index` has the narrator at `subject`, with its tense settled."""
        if word_kind == EITHER:
            word_kind = self._settled(index)
        self.found[index], self.subject[index] = word_kind, subject

    def _settled(self, index: int) -> str:
        """The tense of a verb whose form is a past and a bare present. Raises Ambiguous("tense")."""
        word = self.sentence.low[index]
        if self.plural or (self.past and word in PASTS and not (word == "lay" and self._may_be_present(index))):
            return PAST
        if self.past and not self._may_be_present(index):
            others = [place for place in range(len(self.sentence.low)) if place != index]
            if any(self.sentence.is_past(place) for place in others):
                return PAST
        raise Ambiguous("tense")

    def _may_be_present(self, index: int) -> bool:
        """Whether anything else in the sentence of the verb at `index` tells of the present or of a habit."""
        sentence = self.sentence
        for place, word in enumerate(sentence.low):
            if place == index or sentence.at(place - 1) == "to":
                continue
            if word in HABITS or word in OTHERS or word in PRESENT_MODALS or word in ("am", "'m", "have", "'ve", "'ll"):
                return True
            if sentence.tags[place] in ("VBZ", "VBP") and forms(word) & {"third", "bare"} and kind(word) != EITHER:
                return True
        return False

    # The verb of one "I"

    def _own(self, index: int) -> None:
        """Find the verb of the "I" at `index`, if it has one."""
        sentence = self.sentence
        following = sentence.at(index + 1)
        if following in ("'m", "'ve", "'ll", "'d"):
            return self._add(index + 1, index, AUXILIARIES[following])
        if following in ("—", "–", "-", "...", "…", ",", "--") and index + 2 in self.narrators:
            return None  # I—I know
        turned = self._inverted(index)
        if turned is not None:
            word_kind = kind(sentence.low[turned]) if sentence.low[turned] != "are" else AM
            return self._add(turned, index, word_kind or MODAL)
        if following in ("and", "or") and index + 2 not in self.narrators:
            if sentence.at(sentence.after(index + 1)) in ("am", "was"):
                raise Ambiguous("joined_subject")
            return None  # I and my cousin walk
        place = self._verb_after(index)
        if place is None:
            return None
        word_kind = sentence.kind(place)
        assert word_kind
        sensitive = not self.plural and word_kind in (HAVE, DO, PRESENT)
        if sensitive and self._is_joined_subject(index):
            return None
        if sensitive and self._is_subjunctive(index):
            word_kind = MODAL
        if sentence.low[place] in ("need", "dare") and word_kind == PRESENT:
            word_kind = self._need(place)
        return self._add(place, index, word_kind)

    def _verb_after(self, index: int) -> int | None:
        """The place of the finite verb after the "I" at `index`; None if it has none. Raises Ambiguous("verb")."""
        sentence = self.sentence
        before = sentence.at(index - 1)
        place = sentence.after(index)
        # “...” said I, as I rose
        if self._is_said(before) and sentence.at(index - 2) in STOPS | {""} and not kind(sentence.at(place)):
            return None
        if sentence.at(place + 1) == "-" and place + 2 < len(sentence.low):
            place += 2  # I re-entered
        if sentence.at(place) in VERBS_OR_ADVERBS and kind(sentence.at(place + 1)):
            place += 1  # I long had known
        word = sentence.at(place)
        if kind(word):
            return place
        if word in (",", "—", "–", "(", "-", "--"):
            as_much = before == "as" and "as" in sentence.low[max(0, index - 7) : index - 1]
            return None if before == "than" or as_much else self._verb_after_aside(index, place)
        if word in ("", "and", "or", "nor", "but") or not word[0].isalpha():
            return self._say(index)
        if before in ("than", "as", "but", "save", "except", "not", "is", "was", "be", "nor", "and"):
            return None
        if word in ("who", "that", "whom", "which", "whose"):
            return None
        if sentence.tags[place] in ("IN", "TO") or word in ("at", "in", "for", "by", "with", "from", "of", "to"):
            return self._verb_after_phrase(place)
        if self._say(index) is not None:
            return self._say(index)
        if self._is_said(before):
            return None  # “...” said I in a low voice
        if self.plural:
            return None
        raise Ambiguous("verb")

    @staticmethod
    def _is_said(word: str) -> bool:
        """Whether `word` is surely a past verb, which an "I" may follow as its subject."""
        return word not in AUXILIARIES and "past" in forms(word) and "bare" not in forms(word)

    def _say(self, index: int) -> int | None:
        """The place of a bare verb of saying before its "I": “...” say I."""
        before, earlier = self.sentence.at(index - 1), self.sentence.at(index - 2)
        if before in ("say", "think", "ask", "repeat", "know", "fear", "suppose", "reply", "answer", "cry"):
            if not earlier or not earlier[0].isalpha():
                return index - 1
            raise Ambiguous("verb")
        return None

    def _verb_after_aside(self, index: int, place: int) -> int | None:
        """The verb behind one or more asides that begin at `place`: I, being old, know."""
        sentence = self.sentence
        first = place == index + 1
        if sentence.low[place] == "(" and ")" in sentence.low[place:]:
            place, first = sentence.low.index(")", place), False
        while place < len(sentence.low):
            if sentence.low[place] in (";", ":", ".", "!", "?"):
                break
            if sentence.low[place] not in (",", "—", "–", "(", ")", "-", "--"):
                place += 1
                continue
            start = sentence.after(place)
            word = sentence.at(start)
            if first:
                first = False
                # Nothing finite follows "I," but what opens the aside: a participle or another clause.
                if word in SUBJECTS - {"who", "which", "what"} or (word in JOINTS and start + 1 not in self.narrators):
                    break
            elif kind(word) and not self._may_be_noun(start):
                return start
            elif word in SUBJECTS - {"who", "which", "what"} or word in OTHERS:
                break
            place += 1
        sensitive = (WAS,) if self.plural else (HAVE, DO, PRESENT)
        if any(kind(word) in sensitive for word in sentence.low[index:]):
            raise Ambiguous("aside")
        return None

    def _verb_after_phrase(self, place: int) -> int:
        """The verb after a phrase without commas: I at length grew. Raises Ambiguous("verb") if it would change."""
        sentence = self.sentence
        for index in range(place + 1, min(place + 7, len(sentence.low))):
            word_kind = kind(sentence.low[index])
            if word_kind in (PAST, MODAL, AM) and sentence.tags[index] != "NN":
                return index
            if word_kind in (HAVE, DO, WAS) or (word_kind == EITHER and sentence.tags[index].startswith("VB")):
                return index
            if not sentence.low[index][0].isalpha():
                break
        raise Ambiguous("verb")

    def _inverted(self, index: int) -> int | None:
        """The place of the verb if it stands before its "I": have I, do not I, so am I."""
        sentence = self.sentence
        place = index - 1
        while sentence.at(place) in ("not", "n't"):
            place -= 1
        word = sentence.at(place)
        if word == "am":
            return place
        if word in ("are", "ai"):
            return place if sentence.at(place + 1) == "n't" else None
        if word not in AUXILIARIES and word not in ("need", "dare"):
            return None
        following = sentence.at(sentence.after(index))
        before = sentence.at(sentence.before(place))
        if word in ("need", "dare") and not (kind(following) == PRESENT and before in ("", "nor", "neither")):
            return None
        if before in ("there", "here") and word == "was":
            raise Ambiguous("inversion")  # there was I
        if before in SUBJECTS | {"i"} and before not in ("what", "which", "who"):
            return None
        found = forms(following)
        if kind(following) is None:
            if word == "was" and self._is_predicate(place, following):
                raise Ambiguous("inversion")  # the man was I, what I saw was I
            return place  # was I, was I a fool, had I been
        if word in ("had", "have", "'ve", "was", "were"):
            if following in AUXILIARIES and following not in ("had", "did", "do", "have"):
                return None
            is_be = word in ("was", "were")
            fits = "participle" in found or following == "had" or (is_be and "bare" in found)
            sensitive = word == "was" if self.plural else word in ("have", "'ve") or "bare" in found
            if fits and sensitive and found & {"past", "bare"} and self._is_subject(sentence.before(place)):
                raise Ambiguous("inversion")  # all that the man was I learned
            return place if fits else None
        if "bare" in found or following in ("have", "do", "be"):
            return place
        return None

    def _is_predicate(self, place: int, following: str) -> bool:
        """Whether the "I" between the "was" at `place` and `following` may be what another subject was."""
        subject = self.sentence.before(place)
        if subject < 0 or not self.sentence.low[subject][0].isalpha():
            return False
        tag = self.sentence.tags[subject]
        if following in STOPS | {"", ".", "!", "?"} and tag.startswith("NN"):
            return self.sentence.low[subject] not in ("so", "nor", "neither")
        return tag in ("VBD", "VBZ", "VBP", "VB") and self.sentence.low[subject] not in ("so", "as", "than", "like")

    def _is_subject(self, place: int) -> bool:
        """Whether the word at `place` may be what the verb after it tells of."""
        sentence = self.sentence
        return (
            place >= 0
            and sentence.tags[place].startswith(("NN", "PRP", "CD"))
            and sentence.low[place] not in VERBS_OR_ADVERBS
        )

    def _is_joined_subject(self, index: int) -> bool:
        """Whether the "I" at `index` shares its verb: he and I. Raises Ambiguous("joined_subject")."""
        sentence = self.sentence
        joint = sentence.at(index - 1)
        if joint not in ("and", "or", "nor"):
            return False
        comma = sentence.at(index - 2) in (",", ";", ":", "—", "–")
        place = index - 2
        has_words = has_verb = may_have = False
        while place >= 0:
            word = sentence.low[place]
            if word in (";", ":", "—", "–", "“", "”", ".", "!", "?", "(", ")"):
                break
            if not comma and (word in (",",) or word in SUBORDINATORS):
                break
            if place in self.narrators:
                return False  # I said it and I say it
            has_words |= word[0].isalpha()
            has_verb |= sentence.is_finite(place) or sentence.tags[place].startswith("VB")
            if comma and forms(word) & {"third", "past"} and place and sentence.tags[place - 1].startswith("NN"):
                has_verb = True  # the lamp burns
            may_have |= bool(forms(word) & ({"third", "past", "bare"} if comma else {"third"}))
            place -= 1
        if not has_words:
            return False
        if not has_verb:
            if joint == "and" and not may_have:
                return True
            raise Ambiguous("joined_subject")
        if comma:
            return False
        raise Ambiguous("joined_subject")

    def _is_subjunctive(self, index: int) -> bool:
        """Whether a bare verb of the "I" at `index` stays: lest I forget. Raises Ambiguous("subjunctive")."""
        sentence = self.sentence
        if sentence.at(index - 1) == "lest":
            return True
        nearest = (
            sentence.low[max(0, index - 8) : index] if sentence.at(index - 1) == "that" else [sentence.at(index - 1)]
        )
        # The injunction was that I send them: a bare verb amid past ones.
        amid_past = sentence.at(index - 1) == "that" and any(sentence.is_past(place) for place in range(index - 1))
        if amid_past or DEMANDS.intersection(nearest):
            raise Ambiguous("subjunctive")
        return False

    def _need(self, place: int) -> str:
        """Whether "need" or "dare" at `place` is a modal. Raises Ambiguous("modal")."""
        sentence = self.sentence
        if sentence.at(place + 1) in ("not", "n't"):
            return MODAL
        following = sentence.at(sentence.after(place))
        if following == "but":
            following = sentence.at(place + 2)
        found = forms(following)
        if "bare" not in found and following not in ("have", "be", "do"):
            return PRESENT
        if sentence.low[place] == "dare" or "other" not in found or sentence.after(place) > place + 1:
            return MODAL
        if following in ("say", "tell", "have", "be", "do"):
            return MODAL
        raise Ambiguous("modal")

    # Verbs further on

    def _relative(self, index: int) -> None:
        """Find the verb of "who" right after the pronoun at `index`: I who know; me, who am."""
        sentence = self.sentence
        comma = sentence.at(index + 1) == ","
        place = index + 2 if comma else index + 1
        if sentence.at(place) != "who":
            return
        verb = sentence.after(place)
        word_kind = kind(sentence.at(verb))
        sensitive = (AM, WAS) if self.plural else (AM, HAVE, DO, PRESENT, EITHER)
        if word_kind is None:
            if any(kind(word) in sensitive for word in sentence.low[verb : verb + 8]):
                raise Ambiguous("relative")
            return
        if not comma and sentence.low[index] == "me" and word_kind in sensitive and word_kind != AM:
            raise Ambiguous("relative")  # he asked me who was there
        self._add(verb, index, word_kind)

    def _joined(self) -> None:
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
            else:
                self._join_present(index, joint)

    def _may_be_joined(self, index: int, word: str) -> bool:
        """Whether the verb at `index` is one that would change if it were the narrator's."""
        if self.plural:
            return word == "was"
        if word in ("have", "do"):
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
        return tag in ("VB", "VBP") or "other" not in forms(word) or (tag == "NN" and self._has_object(index))

    def _present_before(self, index: int) -> bool:
        """Whether the narrator's last verb before `index` is a present one other than am."""
        before = [place for place in self.found if place < index]
        return bool(before) and self.found[max(before)] in (PRESENT, HAVE, DO)

    def _has_object(self, index: int) -> bool:
        """Whether what follows the word at `index` fits a verb rather than a noun."""
        return self.sentence.at(index + 1) in OBJECTS

    def _may_be_noun(self, index: int) -> bool:
        """Whether the word at `index` may be no verb at all."""
        tag, word = self.sentence.tags[index], self.sentence.low[index]
        return word not in AUXILIARIES and "other" in forms(word) and not tag.startswith("VB")

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
            if is_clear and not any(word in STOPS for word in sentence.low[subject:joint]):
                raise Ambiguous("joined_was")
            return
        if not is_clear:
            raise Ambiguous("joined_was")
        self._add(index, self.subject[subject], WAS)

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
            sentence.low[place] == "to" or AUXILIARIES.get(sentence.low[place]) == MODAL or sentence.low[place] == "did"
            for place in between
        )
        following = sentence.at(index + 1)
        if word in ("have", "do") and (following in ("not", "n't", "never") or "participle" in forms(following)):
            infinitive = False  # I promised to tell it, and do not break my word
        comma = mark not in JOINTS or sentence.at(joint - 1) in (",", ";", ":", "—", "–")
        sure = word in ("have", "do") or ("other" not in forms(word) and kind(word) == PRESENT)
        is_next = joint == verb + 1 and mark in JOINTS  # I wake or sleep
        likely = sure or is_next or self._has_object(index) or comma
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
        if sure or is_next or (self._has_object(index) and sentence.tags[index] in ("VB", "VBP")):
            self._add(index, self.subject[verb], kind(word) or PRESENT)
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
