import pytest

from stages.prose.bleed import bleed, uncommon


def test_bleed_is_the_share_of_the_targets_uncommon_words() -> None:
    # Uncommon in the target: gibbous, abyss, lighthouse, yawned. The source has one of the four.
    target = "The gibbous abyss yawned; the lighthouse, the abyss."
    assert uncommon(target) == {"gibbous", "abyss", "yawned", "lighthouse"}
    assert bleed("The hole was near the lighthouse.", target) == pytest.approx(1 / 4)


def test_names_count_and_case_does_not() -> None:
    assert bleed("ARKHAM was quiet.", "Arkham slumbered.") == pytest.approx(1 / 2)


def test_another_form_of_a_word_is_another_word() -> None:
    assert bleed("It yawns.", "It yawned.") == 0.0


def test_a_text_bleeds_wholly_into_itself_and_not_at_all_into_common_words() -> None:
    assert bleed("The gibbous moon.", "The gibbous moon.") == 1.0
    assert bleed("He was here.", "He was here.") == 0.0
    assert bleed("", "") == 0.0
