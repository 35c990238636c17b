"""Lyrics of a track: none, as `[Instrumental]`, or sections whose structure is checked."""

import re

INSTRUMENTAL = "[Instrumental]"
SECTIONS = ("Intro", "Verse", "Chorus", "Bridge", "Outro")
KNOWN = ", ".join(f"[{section}]" for section in SECTIONS) + " or [Verse 1]"


def faults(text: str) -> list[str]:
    """What is wrong with the lyrics `text`: a line each, beginning with the number of the line; none if all is right.

    Sections are known ones and none is empty, there is a verse or a chorus, the intro is first and the outro last.
    Upper and lower case don't matter.
    """
    lines = [line.strip() for line in text.splitlines()]
    words = [line for line in lines if line]
    if [word.casefold() for word in words] == [INSTRUMENTAL.casefold()]:
        return []
    found: list[str] = []
    heads = [(number, line) for number, line in enumerate(lines, 1) if re.fullmatch(r"\[.*\]", line)]
    sections = [(number, line, _section(line)) for number, line in heads]
    first = heads[0][0] if heads else len(lines) + 1
    stray = next((number for number, line in enumerate(lines, 1) if line and number < first), None)
    if stray:
        found.append(f"{stray}: {lines[stray - 1][:40]!r} is in no section; put [Verse] or another one before it")
    for place, (number, line, section) in enumerate(sections):
        end = heads[place + 1][0] if place + 1 < len(heads) else len(lines) + 1
        if section is None:
            found.append(f"{number}: {line[:40]} is no known section, expected {KNOWN}; rename it")
        elif not any(lines[number : end - 1]):
            found.append(f"{number}: {line} is empty; write what is sung in it, or remove it")
        if section == "Intro" and place:
            found.append(f"{number}: {line} is not first; move it to the beginning")
        if section == "Outro" and place + 1 < len(sections):
            found.append(f"{number}: {line} is not last; move it to the end")
    if not {section for _, _, section in sections} & {"Verse", "Chorus"}:
        found.append(f"{max(len(lines), 1)}: no [Verse] and no [Chorus]; add one, or write {INSTRUMENTAL} alone")
    return found


def _section(line: str) -> str | None:
    """Name of the section that the head `line` begins, without its number."""
    match = re.fullmatch(r"\[\s*([a-z]+)(?:\s+([0-9]+))?\s*\]", line, re.IGNORECASE)
    name = match[1].capitalize() if match else ""
    numbered = bool(match and match[2])
    return name if name in SECTIONS and (not numbered or name == "Verse") else None
