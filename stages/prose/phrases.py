"""Plain phrases for literary ones and for function words of another time."""

import re
from functools import cache

from stages.prose.text import speech_spans

# Literary phrases and function words, and what is said today. Longer ones first where one starts another.
PHRASES = """
much sought after=much sought after; once upon a time=once upon a time; in the course of=during; for the purpose
of=for; with the exception of=except; in spite of=despite; in order to=to; so as to=to; by means of=with; by dint
of=with; by virtue of=because of; on account of=because of; by reason of=because of; in consequence of=because of; in
regard to=about; with regard to=about; with respect to=about; in respect to=about; as regards=about; in reference
to=about; with reference to=about; in relation to=about; a great deal of=much; a good deal of=much; a vast deal
of=much; a great many=many; a good many=many; a multitude of=many; a number of=some; the whole of=all of; in the
meantime=meanwhile; from time to time=sometimes; now and then=sometimes; now and again=sometimes; ere long=soon; as
yet=yet; for the most part=mostly; so much so that=so that; insomuch that=so that; inasmuch as=because; in so far
as=as far as; for ever=forever; a sort of=a kind of; caught sight of=saw; catch sight of=see; catching sight
of=seeing; made his way=went; made my way=went; made their way=went; made her way=went; made its way=went; made our
way=went; make his way=go; make my way=go; make their way=go; took his leave=left; took my leave=left; gave vent
to=let out; was wont to=used to; were wont to=used to; am wont to=often; was compelled to=had to; were compelled
to=had to; was forced to=had to; were forced to=had to; sought to=tried to; seeking to=trying to; seek to=try to;
ventured to=dared to; endeavored to=tried to; endeavoured to=tried to; proceeded to=went on to; composed of=made of;
rose to his feet=got up; rose to my feet=got up; sprang to my feet=got up; sprang to his feet=got up; would fain=would
like to; must needs=must; as though=as if; even as=as; upon which=on which; all save=all but; nothing save=nothing
but; near unto=near; whereas=while; amid=among; amidst=among; amongst=among; upon=on; unto=to; whilst=while;
beneath=under; betwixt=between; atop=on top of; athwart=across; albeit=though; although=though; lest=in case;
hitherto=until now; heretofore=before; henceforth=from now on; henceforward=from now on; thenceforth=from then on;
thenceforward=from then on; whence=from where; thence=from there; thither=there; whither=where; wherein=in which;
whereof=of which; whereby=by which; whereat=at which; whereon=on which; wherefore=so; whereupon=and then; therein=in
it; thereof=of it; thereby=by this; thereon=on it; thereto=to it; therewith=with it; thereupon=then; thereafter=after
that; herein=in this; hereby=by this; hereof=of this; nay=no; yea=yes; aye=yes; naught=nothing; nought=nothing;
aught=anything; oft=often; ere=before; anon=soon; perchance=maybe; mayhap=maybe; methinks=I think; methought=I
thought; doth=does; hath=has; hast=have; dost=do; didst=did; wast=were; wert=were; shalt=will; wilt=will; canst=can;
thou=you; thee=you; thy=your; thine=your; ye=you; ’tis=it is; ’twas=it was; ’twere=it were; ’twould=it would;
o’er=over; e’er=ever; ne’er=never; 'tis=it is; 'twas=it was; o'er=over; e'er=ever; ne'er=never; burthen=burden;
shew=show; shewed=showed; shewn=shown; to-day=today; to-morrow=tomorrow; to-night=tonight; till=until; grew
more=became more; grew less=became less; grew to=came to; drew near=came near; draw near=come near; drawing
near=coming near; it seemed that=it looked as if; it seemed to me that=I thought; it seemed as if=it looked as if;
stood up=got up; the bulk of=most of; was convinced=was sure; am convinced=am sure; became convinced=became sure;
accustomed to=used to; twofold=double; ought to=should; notwithstanding=despite; nobody=no one; everybody=everyone;
somebody=someone; in the midst of=in the middle of; in accordance with=according to; a mere=just a; the mere=just the;
throughout=all through; of late years=in recent years; beside=next to; owing to=because of; in vain=without success;
was by no means=was not; were by no means=were not; is by no means=is not; are by no means=are not; the greater part
of=most of; was filled with=was full of; were filled with=were full of; is filled with=is full of; consisting of=made
up of; to put an end to=to end; put an end to=ended; sought for=looked for; sought out=looked for; sought after=looked
for; sought the=looked for the; sought my=looked for my; sought his=looked for his; sought a=looked for a; from
thence=from there; from whence=from where; ever and anon=sometimes; hither and thither=here and there; hither=here;
none save=none but; no one save=no one but; nobody save=no one but; nowhere save=nowhere but; everything
save=everything but; save for the=except for the; save for a=except for a; save for my=except for my; save for
his=except for his; save that=except that; save when=except when; was obliged to=had to; were obliged to=had to; in
the mean time=meanwhile; toward=towards; whom=who; beyond=past; concerning=about; farther=further; colour=color;
colours=colors; coloured=colored; grey=gray; harbour=harbor; harbours=harbors; nearer=closer; nearest=closest;
persons=people; centuries=hundreds of years; indifference=lack of interest; in the lee of=in the shelter of; under the
lee of=in the shelter of; brine=salt water; flagstaff=flagpole; commonly=usually; gradually=bit by bit; ashore=on
land; lit=lighted; rime=frost; none but=only; sunset=sundown; dawn=daybreak; neighbour=neighbor; neighbours=neighbors;
to the leeward=away from the wind; aboard=on board; learned that=found out that; learned what=found out what; learned
of=heard of; in the distance=far away; somehow=in some way; somewhere=in some place; anywhere=in any place; proved to
be=turned out to be; at length=at last; overlooking=looking out on; vigil=watch; underbrush=undergrowth;
ancestors=forefathers; ancestor=forefather; traveling=travelling; whenever=every time; seeking the=looking for the;
seeking a=looking for a; seeking my=looking for my; none of=not one of; apart from=except for; in the direction
of=towards; in all directions=on all sides; in every direction=on every side; in that direction=that way; in this
direction=this way; in which direction=which way; in the opposite direction=the other way; from all directions=from
all sides; from every direction=from every side; and so forth=and so on; meanwhile=at the same time; soon
afterward=soon after; soon afterwards=soon after; shortly afterward=soon after; shortly afterwards=soon after; long
afterward=long after; long afterwards=long after; ever afterward=ever after; ever afterwards=ever after; immediately
afterward=right after; at midnight=in the middle of the night; in danger=at risk; in peril=at risk; on this
occasion=this time; on that occasion=that time; on one occasion=once; on several occasions=several times; on many
occasions=many times; on another occasion=another time; on occasion=sometimes; by degrees=bit by bit; accompanied
by=with; the majority of=most of; hence=so; familiar with=at home with; was of opinion that=thought that; were of
opinion that=thought that; am of opinion that=think that; arrived at=came to; arriving at=coming to; arrive at=come
to; arrives at=comes to; was determined to=meant to; a pair of=two; unable to=not able to; unlike=not like; on the
contrary=on the other hand; contrary to=against; a trifle=a little; doubtless=no doubt; everywhere=in all places;
nowhere=in no place; inclined to=ready to; in the vicinity of=near; in the absence of=without; for the sake of=for; at
the sight of=on seeing; in the presence of=before; in search of=looking for; in pursuit of=after; took possession
of=took; a series of=a number of; the remainder of=the rest of; the remains of=what was left of; remains of=what was
left of; were determined to=meant to; was alive=was living; were alive=were living; is alive=is living; none could=no
one could; none knew=no one knew; none had=no one had; none would=no one would; none dared=no one dared; none saw=no
one saw; failed to=did not; fails to=does not; refused to=would not; devoid of=without; ajar=partly open; aside=to one
side; overhead=above; equally=just as; besides=as well as; was impossible=was not possible; is impossible=is not
possible; were impossible=were not possible; the contents of=what was in; was unknown=was not known; were unknown=were
not known; was caused by=came from; were caused by=came from; in action=at work; in a whisper=in a low voice; at a
distance=far off; from a distance=from far off; at some distance=some way off; for some distance=for some way; a short
distance=a short way; a great distance=a long way; a considerable distance=a long way; some distance=some way; the
latter=the second one; the natives=the people of the place; fell asleep=went to sleep; fallen asleep=gone to sleep;
was asleep=was sleeping; were asleep=were sleeping; gave birth to=bore; he managed to=he was able to; she managed
to=she was able to; it managed to=it was able to; we managed to=we were able to; they managed to=they were able to; I
managed to=I was able to; he wondered=he asked himself; she wondered=she asked herself; we wondered=we asked
ourselves; they wondered=they asked themselves; had no knowledge of=did not know of; by accident=by chance; I
wondered=I asked myself; were convinced=were sure; convinced that=sure that; felt convinced=felt sure;
researches=studies; scarce=hardly; the peaks=the tops; in the evening=late in the day; one evening=late one day; that
evening=late that day; every evening=late every day; his limbs=his arms and legs; my limbs=my arms and legs; their
limbs=their arms and legs; the next evening=late the next day; the following evening=late the next day; cattle=cows;
the inhabitants of=the people of; after midnight=after twelve at night; before midnight=before twelve at night; past
midnight=past twelve at night; until midnight=until twelve at night; mentioned that=said that; toward midnight=near
twelve at night; half a dozen=six; a dozen=twelve; dozens of=many; wherever=in every place where; halfway=half the
way; on the evening of=late on; with the aid of=with; by the aid of=with; in the form of=as; it occurred to me=I
thought; it occurred to him=he thought; was aware of=knew of; were aware of=knew of; scores of=many; took pains
to=tried to; in lieu of=in place of; for want of=for lack of
"""
# Said in passing: they go where marks set them off.
PASSING_BY = """
as it were; so to speak; to be sure; in fact; in truth; in short; in a word; of course; at any rate; indeed;
in particular; in general; alas
"""
# Plain words for what means the same only where it opens a sentence or stands between marks.
SET_OFF = """
of late=recently; at times=sometimes; all at once=suddenly; in consequence=so
"""
# What must not come after a phrase for it to mean that.
NOT_BEFORE = {
    "nearer": r"(?! (?:to|than|and)\b|\s*[.,;:])",
    "nearest": r" (?:the|my|his|her|its|their|me|him|it|us|them)\b",
    "the latter": r"(?! ?[.,;:!?]| (?:was|were|had|has|have|is|are|would|could|did|of|by|to|and|with|at|on|who)\b)",
    **dict.fromkeys(
        ("he wondered", "she wondered", "we wondered", "they wondered", "i wondered"),
        r"(?! (?:if|whether|what|how|why|who|where|when|that)\b)",
    ),
    "aside": r" from\b",
    "besides": r"\s*[.,;:!?]| (?:he|she|it|they|I|we|there|which|that|this|was|were|is)\b",
    "equally": r"\s*[.,;:!?]| (?:by|among|between|in|to|and|with|as)\b",
    "overhead": r"(?!\s*[.,;:!?]| (?:and|in|as|was|were|the|a|to|with|through|there|just)\b)",
    **dict.fromkeys(("was unknown", "were unknown"), r" (?:\w+s?\b(?<!to)(?<!in))"),
    "at length": r"\s*[.;:!?]| (?:about|of|on|with|upon|to|in)\b",
    "overlooking": r"(?! (?:the|a|an|my|his|her|its|our|their|this|that|these|those|it|them)\b)",
    "somewhere": r" (?:about|around|between|near|over|under|in|on|at|else)\b",
    "anywhere": r" (?:about|around|between|near|over|under|in|on|at|else)\b",
    "beyond": r"\s*[^\w\s]|\s*$| (?:and|or|but|which|was|is|were|are|lay|lies|came|had|stood|rose|"
    r"doubt|question|measure|all|description|belief|hope|repair|words|reach|the reach|recognition|dispute|"
    r"control|that|there|where|it)\b",
    "concerning": r"(?! (?:the|a|an|my|his|her|its|our|their|this|these|those|which|it|them|him|me|us|what)\b)",
    "lit": r" (?:up|out|by|with|in|from|like|on|upon|only)\b",
    "colour": r" ?-",
    "grey": r" ?-",
    **dict.fromkeys(
        ("was obliged to", "were obliged to"),
        r" (?:him|her|them|me|us|you|it|the|an?|my|his|their|our|your|no|\w+ing)\b",
    ),
    "was convinced": r" by\b",
    "am convinced": r" by\b",
    "became convinced": r" by\b",
    "notwithstanding": r" that\b|\s*[,.;:!?]",
    "beside": r" (?:\w+sel(?:f|ves)|the (?:point|mark|question))\b|\s*[,.;:!?]",
    "beneath": r"\s*[,.;:!?]| (?:contempt|notice|him to|me to|her to|them to)\b",
    "throughout": r"\s*[,.;:!?]",
    "amid": r"\s*[,.;:!?]",
    "a sort of": r"\s*[,.;:!?]",
    "in vain": r" (?:attempt|effort|hope|endeavou?r|search|pursuit|struggle|imagining|pride|show)",
    "at times": r" (?:of|when|like|that)\b",
    "now and then": r" (?:the|a|an|he|she|it|they|we|I|there)\b",
    "for ever": r" (?:so|and)\b",
    "till": r" (?:the (?:soil|ground|land|earth|field)|was|is|had)",
}
# What must not come before it.
NOT_AFTER = {
    "scarce": r"\b(?:is|was|were|are|be|so|very|and|grew|became|the|a|of) $",
    "convinced that": r"\b(?:had|has|have|having|by|he|it|this|I|they|she) $",
    **dict.fromkeys(("failed to", "fails to", "refused to"), r"\b(?:had|has|have|having|was|were|be|been|and|who) $"),
    "overhead": r"\b(?:the|an|high) $",
    "aside": r"\b(?:an|set|put|laid|cast) $",
    "equally": r"\b(?:divided|shared|almost|not) $",
    "unlike": r"\b(?:not|so|an|the) $",
    "inclined to": r"\b(?:less|little|more) $",
    "a trifle": r"\b(?:but|such|not|for) $",
    "hence": r"\b(?:from|weeks?|years?|days?|months?|hours?|long|minutes?) $",
    "familiar with": r"\b(?:more|most|too) $",
    "by degrees": r"\b(?:ten|two|three|four|five|few|many) $",
    "apart from": r"\b(?:far|set|stood|lived|stand|live|sat|lay|kept|held) $",
    "at length": r"\b(?:talk|spoke|speak|writ|wrote|discours|descri|explain|report|dwel|told|tell)\w*(?: \w+){0,3} $",
    "overlooking": r"\b(?:and|without|not) $",
    "somewhere": r"\b(?:from|in|to|for|near|get|got|gets|getting) $",
    "anywhere": r"\b(?:from|in|to|for|near|get|got|gets|getting) $",
    "whom": r"\b(?:to|of|from|with|for|by|in|on|upon|at|before|after|against|than|about|under|over|between|among) $",
    "concerning": r"\b(?:is|was|were|be|are|more|most|very|a|the) $",
    "lit": r"\b(?:was|were|been|be|is|are|dimly|well|half|a|the|by|ill) $",
    "centuries": r"\b(?:\w+(?:teen|ty)|two|three|four|five|six|seven|eight|nine|ten|several|few|many|some|hundred) $",
    "dawn": r"\b(?:to|would|not|could|did) $",
    "nearer": r"\b(?:much|far|the) $",
    "a number of": r"\b(?:great|large|small|such|vast|considerable|what|not) $",
    "a multitude of": r"\b(?:great|large|small|such|vast|considerable|what|not) $",
    "upon": r"\b(?:once|there|where|put) $",
    "in vain": r"\b(?:names?|nor|not|it was) $",
    "owing to": r"\b(?:money|sums?|debts?|rent|pounds?|pence|shillings?|wages|was|is|were|still|amount) $",
    "till": r"\b(?:to|the|a|his|my|not|could|would|who|they|we|and) $",
    "put an end to": r"\b(?:to|not|would|could|should|will|shall|must|might|may|can|did|do|does|and) $",
    "thence": r"\bfrom $",
    "whence": r"\bfrom $",
    "sought after": r"\b(?:was|were|be|been|is|are) $",
    "wherefore": r"\b(?:the|a|why and) $",
    "composed of": r"\b(?:who|he|she|they|I|we) $",
}
# Of a verb after have: the form that the plain one has there.
HAD = re.compile(r"\b(?:have|has|had|having|[’'](?:ve|d))(?: (?:\w+ly|not|never|just|already|once|since|now))? $")
AFTER_HAVE = {"saw": "seen", "went": "gone", "came": "come", "got": "got", "became": "become", "grew": "grown"}
DASH = re.compile(r"\s*--+\s*")
NOTHING = "\x01"  # where a word in mid-sentence was
GONE = re.compile(r"\0[\s,]*(.?)")  # where a phrase at the start of a sentence was


@cache
def _phrases() -> tuple[re.Pattern[str], dict[str, str], dict[str, str]]:
    """A pattern of the literary phrases; what is said for each; and what for those that must be set off by marks."""
    table, marked = (
        {key.lower(): value for key, _, value in (entry.strip().partition("=") for entry in rows.split(";")) if key}
        for rows in (" ".join(PHRASES.split()), " ".join(f"{SET_OFF.strip()}; {PASSING_BY}".split()))
    )
    by_letter: dict[str, list[str]] = {}
    for key in sorted(table | marked, key=lambda key: (-len(key), key)):
        by_letter.setdefault(key[0], []).append(re.escape(key[1:]))
    # by first letters, as each word of a text is tried against all of them
    keys = "|".join(f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())
    return re.compile(rf"(, )?(?<![\w’'-])\b({keys})(?![\w’'-])(,)?", re.IGNORECASE), table, marked


def _guarded(key: str, before: str, after: str) -> bool:
    """Whether what is around a phrase says that it means something else there."""
    left, right = NOT_AFTER.get(key), NOT_BEFORE.get(key)
    return bool((left and re.search(left, before, re.IGNORECASE)) or (right and re.match(right, after, re.IGNORECASE)))


def phrased(text: str) -> str:
    """`text` with plain phrases for literary ones, outside speech; what has capitals in mid-sentence is a name."""
    pattern, table, marked = _phrases()
    text = text.replace("\0", "").replace(NOTHING, "")
    if "--" in text:
        said = speech_spans(text)
        text = DASH.sub(lambda match: match.group() if any(a < match.end() <= b for a, b in said) else "—", text)
    speech = speech_spans(text)

    def plain(match: re.Match[str]) -> str:
        before, phrase, after = match.group(1) or "", match.group(2), match.group(3) or ""
        start = match.start(2)
        if any(a < match.end() and match.start() < b for a, b in speech):
            return match.group()
        opening = not text[:start].rstrip() or text[:start].rstrip()[-1] in ".!?…”—"
        small = phrase.removeprefix("I ")
        if small != small.lower() and not (opening and small[1:] == small[1:].lower()):
            return match.group()
        key, rest = phrase.lower(), text[match.end(2) :]
        if _guarded(key, text[max(0, start - 40) : start], rest[:40]):
            return match.group()
        if key == "indeed" and not opening and not (before and after):
            return before + NOTHING + after
        if key in marked:
            ended = bool(after) or rest[:1] in tuple(".;:!?—")
            if not (ended if before else opening and (after or marked[key])):
                return match.group()
            if not marked[key]:
                return "\0" if opening else ""
        said = table.get(key) or marked[key]
        first, _, others = said.partition(" ")
        if first in AFTER_HAVE and HAD.search(text[max(0, start - 30) : start]):
            said = f"{AFTER_HAVE[first]} {others}".strip()
        return before + (said[0].upper() + said[1:] if phrase[0].isupper() else said) + after

    text = re.sub(rf",?\s*{NOTHING}(?=[.;:!?—])|\s*{NOTHING}", "", pattern.sub(plain, text))
    return GONE.sub(lambda match: match.group(1).upper(), text)
