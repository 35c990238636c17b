"""The 38 styles of lofi as one table, and which of them a folder is named after.

A column holds several tags, so that two tracks of a style aren't described alike. The first genre names the style, and
in the instrumental category the first instrument does: every caption has them. Tempos are of the beat that a drummer
counts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DEFAULT = "CORE-01"
CATEGORIES = ("core", "seasonal", "thematic", "instrumental", "vocal")


@dataclass(frozen=True)
class Style:
    """A row of the table. No tag is in two columns of a row."""

    code: str
    name: str
    category: str
    tempo_bpm: tuple[int, int]  # slowest and fastest
    genre: tuple[str, ...]
    moods: tuple[str, ...]
    instruments: tuple[str, ...]
    production: tuple[str, ...]
    atmosphere: tuple[str, ...]
    vocals: tuple[str, ...]
    has_words: bool  # whether somebody sings or speaks words, so that it needs lyrics


def _row(
    code: str,
    name: str,
    tempo_bpm: tuple[int, int],
    *,
    genre: str,
    moods: str,
    instruments: str,
    production: str,
    atmosphere: str,
    vocals: str = "instrumental",
    has_words: bool = False,
) -> Style:
    """A row with its tags parted by commas."""
    return Style(
        code,
        name,
        PREFIXES[code.partition("-")[0]],
        tempo_bpm,
        genre=tuple(genre.split(", ")),
        moods=tuple(moods.split(", ")),
        instruments=tuple(instruments.split(", ")),
        production=tuple(production.split(", ")),
        atmosphere=tuple(atmosphere.split(", ")),
        vocals=tuple(vocals.split(", ")),
        has_words=has_words,
    )


PREFIXES = dict(zip(("CORE", "SEASON", "THEME", "INST", "VOCAL"), CATEGORIES))

_ROWS = [
    _row(
        "CORE-01",
        "Classic Lofi Hip Hop",
        (70, 90),
        genre="lofi hip hop, boom bap, instrumental hip hop, jazzy hip hop, beat tape",
        moods="relaxed, nostalgic, mellow, laid-back, wistful, easygoing",
        instruments="dusty drum break, electric piano, upright bass, muted jazz guitar, soft piano chords, sub bass",
        production="vinyl crackle, swung drums, low-pass filter, tape saturation, side-chain pumping, sampled loop",
        atmosphere="warm, hazy, worn-in, head-nodding, late afternoon",
    ),
    _row(
        "CORE-02",
        "Jazz Lofi",
        (68, 92),
        genre="jazz lofi, jazzhop, lofi hip hop, cool jazz, soul jazz",
        moods="smooth, sophisticated, relaxed, thoughtful, playful",
        instruments="jazz piano, upright bass, brushed drums, muted trumpet, hollow-body guitar, tenor saxophone",
        production="extended chords, walking bass line, live room sound, swung hi-hats, vinyl crackle, tape warmth",
        atmosphere="smoky, intimate, candlelit, small jazz club, velvety",
    ),
    _row(
        "CORE-03",
        "Ambient Lofi",
        (60, 80),
        genre="ambient lofi, downtempo, ambient, lofi beats, drone",
        moods="calm, dreamy, meditative, weightless, introspective",
        instruments="synth pads, felt piano, reversed guitar, sparse drums, granular textures, soft bells",
        production="long reverb, slow filter sweeps, tape hiss, field recordings, wow and flutter, wide stereo",
        atmosphere="spacious, floating, misty, endless, ethereal",
    ),
    _row(
        "CORE-04",
        "Lofi House",
        (110, 125),
        genre="lofi house, deep house, outsider house, downtempo house",
        moods="groovy, bittersweet, hypnotic, carefree, dreamy",
        instruments="drum machine, analogue bass, house piano stabs, detuned pads, shaker, chopped strings",
        production="four on the floor, side-chain pumping, tape saturation, low-pass filter, off-beat hi-hats",
        atmosphere="hazy dance floor, foggy, after hours, sun-bleached, warehouse",
    ),
    _row(
        "CORE-05",
        "Chillhop",
        (75, 98),
        genre="chillhop, lofi hip hop, jazzhop, instrumental hip hop, nu jazz",
        moods="uplifting, breezy, relaxed, optimistic, playful",
        instruments="electric guitar licks, crisp drums, electric piano, funky bass, flute, hand percussion",
        production="clean mix, swung groove, light compression, organic percussion, warm low end, sampled textures",
        atmosphere="sunny, fresh, open air, easy travel, green",
    ),
    _row(
        "CORE-06",
        "Dark Lofi",
        (60, 82),
        genre="dark lofi, dark hip hop, trip hop, lofi hip hop, phonk-tinged beats",
        moods="brooding, melancholic, tense, lonely, introspective",
        instruments="detuned piano, heavy sub bass, minor-key strings, hard snare, eerie bells, bowed guitar",
        production="bit-crushed drums, deep low-pass filter, slowed and pitched down, tape distortion, dark reverb",
        atmosphere="shadowy, cold, underground, abandoned streets, foggy night",
    ),
    _row(
        "CORE-07",
        "Bedroom Pop Lofi",
        (75, 100),
        genre="bedroom pop lofi, indie pop, dream pop, lofi indie, slacker pop",
        moods="tender, bittersweet, youthful, daydreaming, shy",
        instruments="chorus guitar, toy keyboard, simple drum machine, melodic bass, mellotron, acoustic guitar",
        production="home-recorded, cassette hiss, spring reverb, soft clipping, double-tracked guitars",
        atmosphere="cosy bedroom, fairy lights, faded photographs, intimate, pastel",
    ),
    _row(
        "SEASON-01",
        "Winter Lofi",
        (65, 82),
        genre="winter lofi, lofi hip hop, ambient lofi, chillhop",
        moods="quiet, reflective, cosy, gentle, melancholic",
        instruments="felt piano, celesta, soft strings, glockenspiel, muted kick and rim, warm bass",
        production="icy reverb, vinyl crackle, soft low-pass filter, sparse arrangement, tape hiss",
        atmosphere="snowfall, frosted windows, fireside, crisp air, white silence",
    ),
    _row(
        "SEASON-02",
        "Christmas Lofi",
        (68, 88),
        genre="christmas lofi, holiday lofi, lofi hip hop, jazzhop",
        moods="heart-warming, nostalgic, festive, cosy, peaceful",
        instruments="sleigh bells, music box, jazz piano, glockenspiel, brushed drums, upright bass, warm strings",
        production="vinyl crackle, vintage radio filter, tape warmth, swung drums, soft chimes",
        atmosphere="christmas eve, crackling fireplace, twinkling lights, snowy village, old record player",
    ),
    _row(
        "SEASON-03",
        "Spring Lofi",
        (75, 92),
        genre="spring lofi, chillhop, lofi hip hop, folktronica",
        moods="hopeful, fresh, light-hearted, gentle, curious",
        instruments="nylon guitar, flute, kalimba, light drums, soft piano, round bass",
        production="birdsong samples, airy mix, light tape wobble, organic percussion, gentle swing",
        atmosphere="cherry blossom, morning dew, blooming garden, open window, soft breeze",
    ),
    _row(
        "SEASON-04",
        "Summer Lofi",
        (80, 100),
        genre="summer lofi, chillhop, tropical lofi, lofi hip hop, bossa lofi",
        moods="carefree, sunny, lazy, joyful, breezy",
        instruments="ukulele, marimba, clean electric guitar, bongos, slap-soft bass, electric piano",
        production="side-chain pumping, ocean wave samples, tape flutter, bright top end, bouncy drums",
        atmosphere="beach, hammock afternoon, heat haze, road trip, poolside",
    ),
    _row(
        "SEASON-05",
        "Autumn/Fall Lofi",
        (68, 86),
        genre="autumn lofi, lofi hip hop, folk lofi, jazzhop",
        moods="nostalgic, wistful, mellow, contemplative, homely",
        instruments="acoustic guitar, cello, upright piano, brushed snare, clarinet, double bass",
        production="vinyl crackle, warm low-pass filter, room tone, tape saturation, rustling leaf samples",
        atmosphere="falling leaves, golden light, woollen blanket, wood smoke, grey skies",
    ),
    _row(
        "SEASON-06",
        "Rainy Day Lofi",
        (62, 82),
        genre="rainy day lofi, lofi hip hop, ambient lofi, jazz lofi",
        moods="melancholic, soothing, pensive, drowsy, comforting",
        instruments="soft piano, electric piano, mellow guitar, muted drums, deep bass, distant pads",
        production="rain samples, distant thunder, low-pass filter, wet reverb, vinyl crackle, slow tremolo",
        atmosphere="rain on the window, grey afternoon, puddles, indoors with tea, steamed glass",
    ),
    _row(
        "SEASON-07",
        "Halloween Lofi",
        (65, 88),
        genre="halloween lofi, dark lofi, lofi hip hop, horror soundtrack beats",
        moods="spooky, mischievous, eerie, playful, mysterious",
        instruments="theremin, pipe organ, music box, pizzicato strings, creaky percussion, harpsichord, sub bass",
        production="detuned samples, warped tape, creaking door samples, vinyl crackle, dark low-pass filter",
        atmosphere="haunted house, full moon, jack-o'-lantern glow, cobwebs, midnight fog",
    ),
    _row(
        "SEASON-08",
        "Valentine Lofi",
        (68, 88),
        genre="valentine lofi, romantic lofi, lofi r&b, neo soul, lofi hip hop",
        moods="romantic, tender, affectionate, longing, sweet",
        instruments="electric piano, nylon guitar, soft strings, finger snaps, mellow bass, harp",
        production="silky compression, warm tape, gentle side-chain, lush chords, soft vinyl noise",
        atmosphere="candlelight, slow dance, rose petals, love letter, starlit balcony",
    ),
    _row(
        "SEASON-09",
        "New Year Lofi",
        (75, 98),
        genre="new year lofi, chillhop, lofi hip hop, lofi house",
        moods="hopeful, celebratory, reflective, bittersweet, determined",
        instruments="sparkling synths, piano, bell arpeggios, crisp drums, warm bass, hand claps",
        production="distant firework samples, side-chain pumping, shimmering reverb, rising filter, tape warmth",
        atmosphere="midnight countdown, city fireworks, fresh start, glitter, quiet first morning",
    ),
    _row(
        "THEME-01",
        "Coffee Shop Lofi",
        (72, 92),
        genre="coffee shop lofi, jazz lofi, bossa nova lofi, chillhop, lofi hip hop",
        moods="cosy, friendly, relaxed, content, unhurried",
        instruments="jazz guitar, upright bass, brushed drums, piano, vibraphone, shaker",
        production="café chatter samples, room ambience, vinyl crackle, soft swing, warm mids",
        atmosphere="coffee house, morning steam, corner table, rustling newspaper, wooden interior",
    ),
    _row(
        "THEME-02",
        "Late Night Lofi",
        (62, 82),
        genre="late night lofi, lofi hip hop, trip hop, jazz lofi",
        moods="pensive, lonely, sleepless, intimate, smooth",
        instruments="electric piano, muted trumpet, sub bass, soft kick and snap, tremolo guitar, dark pads",
        production="low-pass filter, slow tape wobble, long reverb tails, vinyl crackle, laid-back drums",
        atmosphere="after midnight, desk lamp, empty streets, moonlit room, blue hour",
    ),
    _row(
        "THEME-03",
        "Study Lofi",
        (68, 85),
        genre="study lofi, lofi hip hop, chillhop, study beats",
        moods="focused, calm, steady, unobtrusive, gentle",
        instruments="soft electric piano, steady drum loop, simple bass line, mellow guitar, warm pads",
        production="repetitive loop, soft dynamics, rolled-off highs, vinyl crackle, light side-chain",
        atmosphere="quiet library, open notebook, desk by the window, deep concentration, evening lamp",
    ),
    _row(
        "THEME-04",
        "Sleep/Relaxation Lofi",
        (60, 72),
        genre="sleep lofi, ambient lofi, relaxation music, lullaby lofi, downtempo",
        moods="sleepy, soothing, peaceful, tender, weightless",
        instruments="felt piano, soft pads, music box, harp, very soft drums, low sine bass",
        production="slow attack, deep low-pass filter, long reverb, tape hiss, gentle fade, white noise bed",
        atmosphere="drifting off, moonlight, blankets, still night, slow breathing",
    ),
    _row(
        "THEME-05",
        "City Night Lofi",
        (75, 98),
        genre="city night lofi, city pop lofi, synthwave lofi, lofi hip hop, future funk",
        moods="cool, nostalgic, romantic, restless, dreamy",
        instruments="dx electric piano, slap bass, chorus guitar, drum machine, analogue synth lead, saxophone",
        production="gated reverb, side-chain pumping, cassette saturation, traffic samples, chorus effect",
        atmosphere="neon lights, rooftop view, last train, wet asphalt, skyline",
    ),
    _row(
        "THEME-06",
        "Nature Lofi",
        (60, 82),
        genre="nature lofi, folk lofi, ambient lofi, organic downtempo",
        moods="peaceful, grounded, serene, wondering, refreshed",
        instruments="acoustic guitar, wooden flute, kalimba, hand drums, soft piano, earthy bass",
        production="birdsong samples, stream recordings, wind noise, natural reverb, light tape warmth",
        atmosphere="forest path, riverside, mossy, mountain air, dappled sunlight",
    ),
    _row(
        "THEME-07",
        "Gaming Lofi",
        (75, 100),
        genre="gaming lofi, chiptune lofi, video game lofi, lofi hip hop, 8-bit beats",
        moods="playful, nostalgic, adventurous, focused, cheerful",
        instruments="square-wave lead, pixel arpeggios, soft drum machine, electric piano, pulse bass, retro bells",
        production="bit crushing, low sample rate, side-chain pumping, console sound samples, vinyl crackle",
        atmosphere="save room, pixel sunset, retro console, late-night session, dungeon calm",
    ),
    _row(
        "THEME-08",
        "Anime Lofi",
        (72, 95),
        genre="anime lofi, lofi hip hop, japanese chillhop, city pop lofi",
        moods="wistful, sentimental, hopeful, dreamy, innocent",
        instruments="bright piano, soft strings, koto, electric guitar, flute, tight drums, warm bass",
        production="emotional chord changes, vinyl crackle, cassette wobble, cicada samples, side-chain pumping",
        atmosphere="school rooftop, train ride at dusk, summer festival, hand-drawn sky, distant memories",
    ),
    _row(
        "THEME-09",
        "Sunset/Golden Hour Lofi",
        (72, 92),
        genre="sunset lofi, chillhop, golden hour beats, lofi hip hop, balearic lofi",
        moods="warm-hearted, nostalgic, content, dreamy, grateful",
        instruments="clean electric guitar, electric piano, soft synth lead, round bass, loose drums, congas",
        production="warm tape saturation, slow phaser, side-chain pumping, soft highs, spring reverb",
        atmosphere="golden light, orange horizon, long shadows, seaside drive, fading day",
    ),
    _row(
        "THEME-10",
        "Sunday Morning Lofi",
        (70, 88),
        genre="sunday morning lofi, soul lofi, gospel-tinged lofi, jazzhop, lofi hip hop",
        moods="restful, grateful, gentle, cheerful, unhurried",
        instruments="electric piano, hammond organ, clean guitar, brushed drums, finger bass, upright piano",
        production="vinyl crackle, soft room reverb, loose swing, warm tape, kitchen ambience",
        atmosphere="slow breakfast, sunlit kitchen, fresh linen, pancakes and coffee, lazy morning",
    ),
    _row(
        "INST-01",
        "Piano Lofi",
        (62, 85),
        genre="piano lofi, lofi hip hop, neoclassical lofi, jazz lofi",
        moods="tender, reflective, melancholic, peaceful, yearning",
        instruments="piano, felt piano, upright piano, soft drum loop, warm bass, light strings, muted kick",
        production="close-miked hammers, pedal noise, tape wobble, vinyl crackle, soft low-pass filter, room reverb",
        atmosphere="empty living room, old sheet music, rainlight, intimate, dusty sunbeams",
    ),
    _row(
        "INST-02",
        "Guitar Lofi",
        (68, 92),
        genre="guitar lofi, lofi hip hop, chillhop, folk lofi, emo lofi",
        moods="wistful, warm-hearted, relaxed, longing, easygoing",
        instruments="guitar, nylon guitar, clean electric guitar, fingerpicked acoustic guitar, dusty drums, bass",
        production="string squeaks, spring reverb, tape saturation, looped riff, light chorus, swung drums",
        atmosphere="porch at dusk, campfire, bedroom floor, open road, intimate",
    ),
    _row(
        "INST-03",
        "Synth Lofi",
        (72, 100),
        genre="synth lofi, chillwave, synthwave lofi, lofi electronica, lofi hip hop",
        moods="dreamy, nostalgic, floating, cool, hypnotic",
        instruments="synthesizer, analogue synth pads, detuned lead, arpeggiator, drum machine, synth bass, bells",
        production="pitch drift, chorus effect, side-chain pumping, low-pass filter sweeps, vhs noise, gated reverb",
        atmosphere="neon haze, old television, outer space, violet sky, slow-motion",
    ),
    _row(
        "INST-04",
        "Rhodes/Wurlitzer Lofi",
        (68, 92),
        genre="rhodes lofi, neo soul lofi, jazzhop, lofi hip hop, soul jazz",
        moods="smooth, soulful, mellow, warm-hearted, relaxed",
        instruments="electric piano, rhodes, wurlitzer, finger bass, swung drums, wah guitar, vibraphone",
        production="stereo tremolo, tube overdrive, extended chords, vinyl crackle, side-chain pumping, tape warmth",
        atmosphere="velvet lounge, amber glow, late set, soft smoke, seventies living room",
    ),
    _row(
        "INST-05",
        "Saxophone Lofi",
        (68, 90),
        genre="saxophone lofi, jazz lofi, lofi hip hop, smooth jazz beats",
        moods="romantic, lonely, smooth, longing, cool",
        instruments="saxophone, tenor saxophone, alto saxophone, electric piano, upright bass, brushed drums",
        production="breathy close recording, plate reverb, vinyl crackle, swung drums, tape warmth",
        atmosphere="rainy alley, neon bar, midnight balcony, smoky, slow last dance",
    ),
    _row(
        "INST-06",
        "Strings Lofi",
        (62, 85),
        genre="strings lofi, orchestral lofi, lofi hip hop, cinematic lofi, chamber beats",
        moods="emotional, elegant, melancholic, hopeful, yearning",
        instruments="strings, string quartet, solo violin, cello, pizzicato strings, harp, dusty drums, deep bass",
        production="sampled old recording, vinyl crackle, low-pass filter, tape flutter, hall reverb",
        atmosphere="old cinema, autumn park, candlelit hall, sepia, letters from the past",
    ),
    _row(
        "INST-07",
        "Flute Lofi",
        (68, 92),
        genre="flute lofi, chillhop, lofi hip hop, jazz flute beats, world lofi",
        moods="airy, serene, playful, mysterious, gentle",
        instruments="flute, concert flute, shakuhachi, electric piano, hand percussion, round bass, crisp drums",
        production="breath noise, tape echo, vinyl crackle, swung drums, light reverb, looped phrase",
        atmosphere="bamboo garden, morning mist, hilltop breeze, floating petals, quiet temple",
    ),
    _row(
        "VOCAL-01",
        "Chopped Vocals",
        (72, 98),
        genre="chopped vocal lofi, lofi hip hop, future beats, lofi r&b, sample-based hip hop",
        moods="soulful, hypnotic, nostalgic, groovy, dreamy",
        instruments="sampler, knocking drums, sub bass, electric piano, soul strings, vinyl horn stabs",
        production="pitched-up samples, stutter edits, side-chain pumping, vinyl crackle, time-stretched loops",
        atmosphere="old soul record, hazy, late-night studio, glitchy, warm",
        vocals="chopped vocal samples, pitched vocal chops, soul vocal cuts",
    ),
    _row(
        "VOCAL-02",
        "Japanese Lofi",
        (70, 95),
        genre="japanese lofi, city pop lofi, lofi hip hop, j-pop lofi, shibuya-kei",
        moods="wistful, sweet, nostalgic, gentle, longing",
        instruments="koto, electric piano, clean guitar, shamisen, soft drum machine, warm bass, flute",
        production="cassette warmth, vinyl crackle, chorus effect, close vocal, train station samples",
        atmosphere="tokyo side street, paper lanterns, rainy platform, cherry blossom evening, small record shop",
        vocals="soft japanese female vocals, whispered japanese vocals, mellow japanese male vocals",
        has_words=True,
    ),
    _row(
        "VOCAL-03",
        "R&B Lofi",
        (65, 90),
        genre="r&b lofi, neo soul, alternative r&b, lofi soul",
        moods="sensual, smooth, intimate, vulnerable, soulful",
        instruments="rhodes electric piano, neo soul guitar, deep bass, crisp snaps, muted drums, warm organ",
        production="stacked harmonies, laid-back groove, warm compression, side-chain pumping, tape saturation",
        atmosphere="dim bedroom, slow jam, late-night call, silk, candle smoke",
        vocals="soulful female vocals, smooth male vocals, breathy r&b vocals, falsetto vocals",
        has_words=True,
    ),
    _row(
        "VOCAL-04",
        "Spoken Word Lofi",
        (65, 88),
        genre="spoken word lofi, jazz poetry, lofi hip hop, abstract hip hop",
        moods="contemplative, honest, wise, melancholic, conversational",
        instruments="sparse piano, upright bass, brushed drums, muted guitar, soft pads, distant trumpet",
        production="dry close microphone, answering-machine filter, vinyl crackle, tape hiss, radio samples",
        atmosphere="small stage, open diary, night bus, quiet confession, dim café",
        vocals="spoken word, poetic male narration, poetic female narration, calm storytelling voice",
        has_words=True,
    ),
    _row(
        "VOCAL-05",
        "Humming/Wordless",
        (62, 85),
        genre="wordless vocal lofi, lofi hip hop, ambient lofi, lullaby lofi",
        moods="soothing, tender, innocent, sleepy, comforting",
        instruments="acoustic guitar, felt piano, soft drums, warm bass, music box, light strings",
        production="close breathy recording, layered harmonies, long reverb, tape hiss, soft low-pass filter",
        atmosphere="cradle, morning kitchen, empty hallway, warm blanket, half-awake",
        vocals="gentle humming, wordless vocals, soft oohs and aahs, la-la vocals",
    ),
]

STYLES: Mapping[str, Style] = {style.code: style for style in _ROWS}


def style_of_folder(parts: Sequence[str]) -> str | None:
    """Code of the style that one of the folders `parts` (outermost first) is named after, if any.

    A code (core-01) or a name (Jazz Lofi, jazz_lofi, jazz) counts before a category, whose first style is a guess; of
    several the innermost does.
    """
    return named(parts) or first_of_category(parts)


def named(parts: Sequence[str]) -> str | None:
    """Code of the style whose code or name the innermost of `parts` has that has one."""
    return next((_NAMED[key] for key in map(_key, reversed(parts)) if key in _NAMED), None)


def first_of_category(parts: Sequence[str]) -> str | None:
    """Code of the first style of the category that the innermost of `parts` is named after that is."""
    return next((_FIRST[key] for key in map(_key, reversed(parts)) if key in _FIRST), None)


def _key(name: str) -> str:
    """The words and numbers of `name`, whatever parts them; lofi itself tells nothing here."""
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"lo[ _-]?fi", " ", name.casefold()))
    return " ".join(word.lstrip("0") for word in words)


def _names(style: Style) -> list[str]:
    """What a folder of `style` may be called: Autumn/Fall Lofi is autumn, fall or both."""
    return [style.code, style.name, *style.name.split("/"), *ALSO.get(style.code, ())]


ALSO = {"CORE-01": ("hip hop", "hiphop"), "VOCAL-03": ("rnb",)}
_NAMED = {_key(name): style.code for style in _ROWS for name in _names(style)}
_FIRST = {style.category: style.code for style in reversed(_ROWS)}
