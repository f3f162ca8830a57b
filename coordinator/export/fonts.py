"""The fonts of printed books: those that come with Storyloom as packages, then those of the machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from coordinator.story.language import primary

PACKAGES = {"fontpkg_amiri": "files", "noto_cjk_sans_otc": ""}
"""Packages that are nothing but fonts, and their folder in each."""

LATIN = "Libertinus Serif"
"""Comes within typst: Latin, Greek, Cyrillic and Hebrew letters."""
EMOJI = ("Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji", "Noto Emoji")
_HAN = {"zh": "Noto Sans CJK SC", "ja": "Noto Sans CJK JP", "ko": "Noto Sans CJK KR"}
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_ARABIC = "Amiri"


def folders() -> list[str]:
    """Where the fonts of the installed packages are."""
    found = []
    for package, folder in PACKAGES.items():
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            found.append(str(Path(spec.origin).parent / folder))
    return found


def families(language: str) -> list[str]:
    """What a book in the language is set in, in order of preference. Whatever none of them has is looked for in all
    fonts of the machine."""
    code = primary(language)
    traditional = _TRADITIONAL & set(language.lower().split("-"))
    han = "Noto Sans CJK TC" if code == "zh" and traditional else _HAN.get(code, _HAN["zh"])
    if code in _HAN:
        # The Latin font only for Latin letters: quotation marks and dashes are those of the language.
        return ["latin-in-cjk", han, LATIN, _ARABIC, *EMOJI]
    if code in ("ar", "fa", "ur", "ps", "ckb", "sd", "ug"):
        return [_ARABIC, LATIN, han, *EMOJI]
    return [LATIN, _ARABIC, han, *EMOJI]
