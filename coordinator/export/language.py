"""In which language a text is, as far as a typesetter must know: its tag, its direction, its quotation marks. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

OTHERWISE = "en"
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

_BY_SCRIPT = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "ARABIC": "ar", "HEBREW": "he", "CYRILLIC": "ru",
    "GREEK": "el", "THAI": "th", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "GEORGIAN": "ka",
    "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "ETHIOPIC": "am", "TELUGU": "te", "GUJARATI": "gu",
}  # fmt: skip
_SAMPLE = 4000
"""Letters looked at; the first pages tell."""

# Words so frequent that a page of prose in the language has several of them, and no other language here has.
_FREQUENT = {
    "en": "the and of was her his that with had not she",
    "fr": "les une dans est pas qui elle était avec pour",
    "de": "der und das nicht ist sie ein mit den war auf",
    "es": "los una las con por había ella pero más como del",
    "it": "il che di della con era gli non una sono nel",
    "pt": "os uma não com ela do da em mais seu ao",
    "nl": "het een van niet dat zijn haar met was ze",
    "sv": "och att det som inte var hon han med på",
    "pl": "nie się że jest na był jak ale jej do",
    "tr": "bir ve bu için ama gibi çok daha ne",
}

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
    return _by_letters(text)


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


def script_of(character: str) -> str:
    """The first word of the character's name in Unicode, as `ARABIC`; empty for one without a name."""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]


def _by_letters(text: str) -> str:
    letters = [character for character in text[: 4 * _SAMPLE] if character.isalpha()][:_SAMPLE]
    scripts = Counter(script_of(letter) for letter in letters)
    if not scripts:
        return OTHERWISE
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > len(letters) / 20:
        return "ja"
    if scripts["ARABIC"] > len(letters) / 2:
        return "fa" if sum(letter in "پچژگ" for letter in letters) > scripts["ARABIC"] / 100 else "ar"
    if scripts["CYRILLIC"] > len(letters) / 2:
        return "uk" if any(letter in "іїєґ" for letter in letters) else "ru"
    script, count = scripts.most_common(1)[0]
    return _BY_SCRIPT.get(script, _by_words(text)) if count > len(letters) / 3 else OTHERWISE


def _by_words(text: str) -> str:
    words = Counter(re.findall(r"[^\W\d_]+", text[: 8 * _SAMPLE].lower()))
    votes = {tag: sum(words[word] for word in frequent.split()) for tag, frequent in _FREQUENT.items()}
    best = max(votes, key=lambda tag: (votes[tag], tag == OTHERWISE))
    return best if votes[best] else OTHERWISE
