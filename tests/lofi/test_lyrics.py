import pytest

from stages.lofi.lyrics import INSTRUMENTAL, KNOWN, faults

SONG = """\
[Intro]
Mm

[Verse 1]
Rain on the glass

[Chorus]
Stay a while

[Verse 2]
Tea on the stove

[Bridge]
One more hour

[Chorus]
Stay a while

[Outro]
Mm
"""


@pytest.mark.parametrize("text", [SONG, INSTRUMENTAL, f"\n{INSTRUMENTAL}\n", "[instrumental]", "[verse]\nla\n"])
def test_good_lyrics_have_no_fault(text: str) -> None:
    assert faults(text) == []


def test_line_ends_of_windows_are_no_fault() -> None:
    assert faults(SONG.replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: no [Verse] and no [Chorus]; add one, or write [Instrumental] alone"]),
        ("Hello\n[Verse]\nla", ["1: 'Hello' is in no section; put [Verse] or another one before it"]),
        (
            "[Verse]\nla\n[Hook]\nla",
            [f"3: [Hook] is no known section, expected {KNOWN}; rename it"],
        ),
        ("[Verse]\n\n[Chorus]\nla", ["1: [Verse] is empty; write what is sung in it, or remove it"]),
        ("[Verse]\nla\n[Chorus]", ["3: [Chorus] is empty; write what is sung in it, or remove it"]),
        ("[Verse]\nla\n[Intro]\nla", ["3: [Intro] is not first; move it to the beginning"]),
        ("[Outro]\nla\n[Verse]\nla", ["1: [Outro] is not last; move it to the end"]),
        (
            "[Intro]\nla\n[Bridge]\nla",
            ["4: no [Verse] and no [Chorus]; add one, or write [Instrumental] alone"],
        ),
    ],
)
def test_each_fault_is_a_line_with_its_number(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize("head", ["[Chorus 2]", "[Instrumental]", "[]", "[Verse one]", "[Pre-Chorus]"])
def test_only_verses_are_numbered_and_only_known_sections_pass(head: str) -> None:
    (fault,) = faults(f"[Verse]\nla\n{head}\nla")
    assert fault.startswith(f"3: {head} is no known section")


def test_known_sections_are_named_in_full() -> None:
    assert KNOWN == "[Intro], [Verse], [Chorus], [Bridge], [Outro] or [Verse 1]"


def test_two_faults_are_two_lines_in_order() -> None:
    assert [fault.split(":")[0] for fault in faults("la\n[Verse]\n[Solo]\nla\n")] == ["1", "2", "3"]
