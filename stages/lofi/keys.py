"""Keys as people and programs write them in the tags of a file: Am, F# minor, Bbmaj, 8A."""

import re

KEY = re.compile(r"([A-Ga-g])\s*([#b♯♭]?)\s*(m|M|min|minor|maj|major|)", re.IGNORECASE)
CAMELOT = re.compile(r"([1-9]|1[0-2])([AB])", re.IGNORECASE)
# The wheel of DJs from 1 on, each a fifth above the one before: A is the minor key of a number, B the major one.
MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MAJOR = ("B", "F#", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E")


def key_of_tag(text: str) -> str:
    """The key that `text` names, such as "A minor"; empty if it names none."""
    text = text.strip()
    if found := CAMELOT.fullmatch(text):
        names, mode = (MINOR, "minor") if found[2].upper() == "A" else (MAJOR, "major")
        return f"{names[int(found[1]) - 1]} {mode}"
    if found := KEY.fullmatch(text):
        sign = found[2].replace("♯", "#").replace("♭", "b").replace("B", "b")
        # "M" alone is major where "m" is minor, so that one letter counts as it is written
        mode = "minor" if found[3] == "m" or found[3].lower() in ("min", "minor") else "major"
        return f"{found[1].upper()}{sign} {mode}"
    return ""


def tempo_of_tag(text: str) -> float:
    """The beats per minute that `text` gives; 0 if it gives none from 30 to 300."""
    try:
        tempo = float(text.strip().replace(",", "."))
    except ValueError:
        return 0.0
    return tempo if 30 <= tempo <= 300 else 0.0
