"""In which language a text is: sure for some sixty words, silent where it is not."""

from __future__ import annotations

import time

import pytest

from coordinator.story.language import english_name, identified, language_of, languages_named_in, named
from tests.unit.agents.cleaning.corpus import STORIES
from tests.unit.hostile import TEXTS


@pytest.mark.parametrize("language", STORIES)
def test_a_few_sentences_tell_their_language(language: str) -> None:
    assert identified(STORIES[language]) == language
    assert language_of(None, STORIES[language]) == language


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("A lighthouse keeper finds that the light has been signalling something back.", "en"),
        ("Ein Leuchtturmwärter merkt, dass ihm das Licht auf dem Meer antwortet.", "de"),
        ("Un gardien de phare découvre que la lumière lui répond depuis la mer.", "fr"),
        ("Un farero descubre que la luz le responde desde el mar, y no está solo.", "es"),
        ("Il guardiano del faro scopre che la luce gli risponde dal mare.", "it"),
        ("Um faroleiro descobre que a luz não está sozinha no mar.", "pt"),
        ("Een vuurtorenwachter ontdekt dat het licht hem antwoord geeft.", "nl"),
        ("Latarnik odkrywa, że światło odpowiada mu z morza.", "pl"),
        ("Deniz feneri bekçisi, ışığın ona cevap verdiğini keşfeder.", "tr"),
        ("Смотритель маяка видит, что огни в море ему отвечают.", "ru"),
        ("Доглядач маяка помічає, що світло йому відповідає.", "uk"),
        ("灯台守は、光が海から答えていることに気づく。", "ja"),
        ("一位灯塔看守人发现，海上的光一直在回应他。", "zh"),
        ("등대지기는 빛이 바다에서 대답하고 있음을 알게 된다.", "ko"),
        ("حارس منارة يكتشف أن الضوء يجيبه من البحر.", "ar"),
        ("فانوس‌بان دریایی می‌فهمد که نور به او پاسخ می‌دهد، چون پیچک.", "fa"),
    ],
)
def test_a_prompt_of_ten_words_is_told(prompt: str, language: str) -> None:
    assert identified(prompt) == language


@pytest.mark.parametrize(
    "text", ["", "12345", "🗼", "Lamps.", "Mara", "Chat noir", "灯台", "Маяк", "OK", "a a a", "xyzzy plugh"]
)
def test_what_tells_nothing_is_not_guessed_at(text: str) -> None:
    assert identified(text) is None


def test_a_text_in_two_languages_is_in_neither() -> None:
    assert (
        identified("The lamp was out and nobody had lit it. Die Lampe war aus und niemand hatte sie angezündet.")
        is None
    )


def test_a_language_is_named_in_it_or_in_english_or_by_a_tag() -> None:
    assert [named(each) for each in ("French", "français", "fr", "pt-BR", "Klingon", "")] == [
        "fr",
        "fr",
        "fr",
        "pt-BR",
        None,
        None,
    ]
    assert languages_named_in("Write it in German, with some español.") == {"de", "es"}
    assert (english_name("fr"), english_name("pt-BR"), english_name("xx")) == ("French", "Portuguese", "Xx")


@pytest.mark.parametrize("kind", TEXTS)
def test_a_long_text_takes_no_longer_than_its_beginning(kind: str) -> None:
    begun = time.thread_time()
    identified(TEXTS[kind](1_000_000))
    assert time.thread_time() - begun < 0.5
