"""Which verbs of a sentence have the narrator as their subject: plain, inverted, relative and joined ones."""

from collections.abc import Mapping, Sequence

from stages.prose.joined import JOINTS, NO_VERBS, STOPS, SUBJECTS, Joined
from stages.prose.verbs import (
    AM,
    AUXILIARIES,
    DO,
    EITHER,
    HAVE,
    HEADS,
    MODAL,
    OTHERS,
    PAST,
    PRESENT,
    VERBS_OR_ADVERBS,
    WAS,
    Ambiguous,
    forms,
    kind,
    listed,
)

SUBORDINATORS = listed(
    "when while whilst as that if because where since until till before after though although than which who whom "
    "whose what whether unless lest how why for"
)
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
# Before a verb and its "I" they open a sentence that is turned: here sit I, what care I.
OPENERS = listed(
    "here there thus so now then well little nor neither never what how whence whither wherefore where why down up "
    "forth away back yonder"
)


class Finder(Joined):
    """Finds which verbs of one sentence have the narrator as their subject."""

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
        self.join()
        return self.found

    def _own(self, index: int) -> None:
        """Find the verb of the "I" at `index`, if it has one."""
        sentence = self.sentence
        following = sentence.at(index + 1)
        if following in ("'m", "'ve", "'ll", "'d"):
            return self.add(index + 1, index, AUXILIARIES[following])
        if following in ("—", "–", "-", "...", "…", ",", "--") and index + 2 in self.narrators:
            return None  # I—I know
        turned = self._inverted(index)
        if turned is not None:
            word_kind = kind(sentence.low[turned]) if sentence.low[turned] != "are" else AM
            if sentence.low[turned] in ("need", "dare"):
                word_kind = MODAL
            return self.add(turned, index, word_kind or MODAL)
        if following in ("and", "or") and index + 2 not in self.narrators:
            turned = self._say(index)
            if turned is not None:
                return self.add(turned, index, sentence.kind(turned) or PRESENT)  # here sit I and wait
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
        return self.add(place, index, word_kind)

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
        if sentence.at(place) == "but" and place == index + 1 and kind(sentence.at(place + 1)):
            place += 1  # I but mention it
        while place > index + 1 and sentence.at(place) in ("and", "or", "but", "yet", "if", "nor"):
            if sentence.after(place) == place + 1:
                if place + 1 in self.narrators or sentence.at(place + 1) in SUBJECTS:
                    break
                raise Ambiguous("verb")  # I often and with joy walk
            place = sentence.after(place)  # I slowly and sadly walk
        word = sentence.at(place)
        turned = self._say(index) if not self._is_verb(place) else None
        if turned is not None:
            return turned
        if kind(word):
            return place
        if word in (",", "—", "–", "(", "-", "--"):
            as_much = before == "as" and "as" in sentence.low[max(0, index - 7) : index - 1]
            return None if before == "than" or as_much else self._verb_after_aside(index, place)
        if word in ("", "and", "or", "nor", "but") or not word[0].isalpha():
            return None
        if before in ("than", "as", "but", "save", "except", "not", "is", "was", "be", "nor", "and"):
            return None
        if word in ("who", "that", "whom", "which", "whose"):
            if before not in ("is", "was", "'s", "be", "been"):
                self._check_main(place)
            return None
        if sentence.tags[place] in ("IN", "TO") or word in ("at", "in", "for", "by", "with", "from", "of", "to"):
            return self._verb_after_phrase(place)
        if self._is_said(before):
            return None  # “...” said I in a low voice
        if self.plural:
            return None
        raise Ambiguous("verb")

    @staticmethod
    def _is_said(word: str) -> bool:
        """Whether `word` is surely a past verb, which an "I" may follow as its subject."""
        return word not in AUXILIARIES and "past" in forms(word) and "bare" not in forms(word)

    def _is_verb(self, place: int) -> bool:
        """Whether the word at `place` is a verb rather than a preposition or an adverb that can be one."""
        word = self.sentence.at(place)
        return bool(kind(word)) and (
            word in AUXILIARIES or not self.sentence.tags[place].startswith(("IN", "RB", "TO"))
        )

    def _say(self, index: int) -> int | None:
        """The place of a bare verb before its "I": “...” say I; here stand I. Raises Ambiguous("verb")."""
        sentence = self.sentence
        before, earlier = sentence.at(index - 1), sentence.at(index - 2)
        is_said = before in ("say", "think", "ask", "repeat", "know", "fear", "suppose", "reply", "answer", "cry")
        if is_said and (not earlier or not earlier[0].isalpha()):
            return index - 1
        if before in AUXILIARIES or before in NO_VERBS or kind(before) not in (PRESENT, EITHER):
            return None
        if earlier in OPENERS or (index > 1 and sentence.is_adverb(index - 2) and earlier not in HEADS):
            return index - 1  # here sit I; what care I
        if is_said or (not self.plural and sentence.tags[index - 1] in ("VB", "VBP")):
            raise Ambiguous("verb")
        return None

    def _check_main(self, place: int) -> None:
        """Raise Ambiguous("relative") if an "I" before the relative pronoun at `place` may have a verb that changes."""
        sentence = self.sentence
        sensitive = (WAS,) if self.plural else (HAVE, DO, PRESENT)
        for index in range(sentence.after(place) + 1, len(sentence.low)):
            if sentence.kind(index) not in sensitive or sentence.at(index - 1) == "to":
                continue
            is_verb = sentence.tags[index].startswith("VB") or sentence.low[index] in AUXILIARIES
            if is_verb or self.has_object(index):
                raise Ambiguous("relative")  # I who know the sea fear it

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
            elif kind(word) and not self.may_be_noun(start):
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

    def _relative(self, index: int) -> None:
        """Find the verb of "who" right after the pronoun at `index`: I who know; me, who am."""
        sentence = self.sentence
        comma = sentence.at(index + 1) == ","
        place = index + 2 if comma else index + 1
        pronoun = sentence.at(place)
        if pronoun in ("whom", "whose"):
            self._relatives(index, place, "who")
        if pronoun != "who" and (pronoun != "that" or index not in self.narrators):
            return
        verb = sentence.after(place)
        if pronoun == "that" and (not self._is_verb(verb) or verb + 1 in self.narrators):
            return  # it is I that they fear
        self._relatives(index, place, pronoun)
        word_kind = kind(sentence.at(verb))
        sensitive = (AM, WAS) if self.plural else (AM, HAVE, DO, PRESENT, EITHER)
        if word_kind is None:
            if any(kind(word) in sensitive for word in sentence.low[verb : verb + 8]):
                raise Ambiguous("relative")
            return
        if not comma and sentence.low[index] == "me" and word_kind in sensitive and word_kind != AM:
            raise Ambiguous("relative")  # he asked me who was there
        self.add(verb, index, word_kind)

    def _relatives(self, index: int, first: int, pronoun: str) -> None:
        """Find the verbs of further relative clauses: I who keep it and who write. Raises Ambiguous("relative")."""
        sentence = self.sentence
        sensitive = (WAS,) if self.plural else (HAVE, DO, PRESENT, EITHER)
        for place in range(first + 2, len(sentence.low)):
            verb = sentence.after(place)
            if sentence.low[place] != pronoun or kind(sentence.at(verb)) not in sensitive:
                continue
            mark = sentence.at(sentence.before(place))
            if mark[:1].isalpha() and mark not in JOINTS:
                continue  # the men who know
            between = sentence.low[first + 1 : place]
            if mark not in JOINTS or any(word in ("who", "which", "that", "whose", "whom") for word in between):
                raise Ambiguous("relative")
            self.add(verb, index, kind(sentence.low[verb]) or PRESENT)
