"""In which language a text is, as far as a typesetter must know: its tag, its direction, its quotation marks. Pure."""

from __future__ import annotations

import re

from coordinator.tongues import OTHERWISE, language_of_prose, script_of

__all__ = ["CJK", "OTHERWISE", "is_right_to_left", "language_of", "primary", "quotes", "script_of"]

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi", "ps", "ckb", "sd", "ug", "dv"})
CJK = frozenset({"zh", "ja", "ko"})

_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)
_NAMES = {
    "ar": "arabic العربية عربي", "bg": "bulgarian български", "bn": "bengali bangla বাংলা", "ca": "catalan català",
    "cs": "czech čeština česky", "da": "danish dansk", "de": "german deutsch", "el": "greek ελληνικά", "en": "english",
    "es": "spanish español castellano", "et": "estonian eesti", "fa": "persian farsi فارسی", "fi": "finnish suomi",
    "fr": "french français francais", "he": "hebrew עברית", "hi": "hindi हिन्दी हिंदी", "hr": "croatian hrvatski",
    "hu": "hungarian magyar", "id": "indonesian", "it": "italian italiano", "ja": "japanese 日本語",
    "ko": "korean 한국어", "lt": "lithuanian", "lv": "latvian", "nb": "norwegian norsk", "nl": "dutch nederlands",
    "pl": "polish polski", "pt": "portuguese português portugues", "ro": "romanian română", "ru": "russian русский",
    "sk": "slovak slovenčina", "sl": "slovenian slovene", "sr": "serbian српски", "sv": "swedish svenska",
    "ta": "tamil தமிழ்", "th": "thai ไทย", "tr": "turkish türkçe", "uk": "ukrainian українська", "ur": "urdu اردو",
    "vi": "vietnamese", "zh": "chinese mandarin cantonese 中文 汉语 漢語 普通话 简体中文 繁體中文",
}  # fmt: skip
_BY_NAME = {name: tag for tag, names in _NAMES.items() for name in names.split()}

_MARKS = {
    "“”‘’": "en zh ko ar tr pt nl hi th",
    "«»“”": "fr es it ca el",
    "«»„“": "ru uk",
    "«»‹›": "fa",
    "«»‘’": "nb",
    "„“‚‘": "de cs sk sl bg et lt sr",
    "„”«»": "pl ro",
    "„”»«": "hu",
    "„”‚’": "hr",
    "””’’": "sv fi he",
    "»«›‹": "da",
    "「」『』": "ja",
}
"""Outer and inner quotation marks as the CLDR has them, for those that pairs of straight ones stand for."""
_QUOTES = {tag: marks for marks, tags in _MARKS.items() for tag in tags.split()}


def language_of(wanted: str | None, text: str) -> str:
    """The BCP 47 tag of what the writer wished (`French`, `fr`, `pt-BR`), where it names a language; otherwise by the
    letters of the text, and for Latin letters by its most frequent words. `en` where nothing tells."""
    if wanted:
        words = [word.casefold() for word in re.findall(r"[^\W\d_]+", wanted)]
        for word in words:
            if word in _BY_NAME:
                return _BY_NAME[word]
        if _TAG.fullmatch(wanted.strip()) and words[0] in _NAMES:
            return wanted.strip()
    return language_of_prose(text)


def primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


def is_right_to_left(tag: str) -> bool:
    return primary(tag) in RIGHT_TO_LEFT


def quotes(tag: str) -> tuple[str, str, str, str]:
    """Outer opening and closing, inner opening and closing; French ones with their narrow space."""
    marks = _QUOTES.get(primary(tag), _QUOTES[OTHERWISE])
    if primary(tag) == "fr":
        return "«\u202f", "\u202f»", "“", "”"
    return marks[0], marks[1], marks[2], marks[3]
