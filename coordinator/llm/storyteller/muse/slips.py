"""Common words as they come out of quick fingers, put right before a message is read. Pure."""

from __future__ import annotations

import re

LONGEST = 600
"""Characters of a message that is put right; who writes more takes more care, or pastes."""
_SLIPS = {
    "wnat": "want", "wanna": "want to", "gonna": "going to", "wirte": "write", "wriet": "write", "writte": "write",
    "stroy": "story", "sotry": "story", "stoy": "story", "storry": "story", "abuot": "about", "abotu": "about",
    "aobut": "about", "abt": "about", "calld": "called", "caled": "called", "nmaed": "named", "namd": "named",
    "charachter": "character", "charcter": "character", "charactor": "character", "carachter": "character",
    "caracter": "character", "villian": "villain", "vilain": "villain", "villan": "villain", "teh": "the", "hte": "the",
    "scarry": "scary", "funy": "funny", "hapy": "happy", "sadd": "sad", "gril": "girl", "wich": "which",
    "detectve": "detective", "detectiv": "detective", "wizzard": "wizard", "princes": "princess", "shoud": "should",
    "shuold": "should", "woud": "would", "becuase": "because", "beacuse": "because", "spaceshp": "spaceship",
    "ligthouse": "lighthouse", "lighthous": "lighthouse", "fairytail": "fairy tale", "pagse": "pages", "pgs": "pages",
    "lets": "let's", "im": "i'm", "ive": "i've", "dont": "don't", "doesnt": "doesn't", "cant": "can't",
    "wont": "won't", "shes": "she's", "hes": "he's", "theyre": "they're", "theres": "there's", "thats": "that's",
    "isnt": "isn't", "pls": "please", "plz": "please", "horor": "horror", "misterious": "mysterious",
    "protaganist": "protagonist", "protagonst": "protagonist", "enviroment": "environment", "freind": "friend",
    "brohter": "brother", "sitser": "sister", "kindom": "kingdom", "castel": "castle", "vilage": "village",
    "somthing": "something", "smth": "something", "ppl": "people", "bout": "about", "u": "you", "ur": "your",
}  # fmt: skip
_SLIP = re.compile(
    rf"(?<![\w'-])(?:{'|'.join(map(re.escape, _SLIPS))}|its(?= (?:about|an?|set|called)\b))(?![\w'-])", re.I
)


def mended(text: str) -> str:
    """`text` with common slips put right, capitals at the beginning of a word kept; long texts stay as they are."""
    if len(text) > LONGEST:
        return text
    return _SLIP.sub(lambda found: _as(found[0], text, found.start()), text)


def _as(word: str, text: str, at: int) -> str:
    lower = word.lower()
    if lower == "princes" and not re.search(r"\ban? $", text[max(0, at - 3) : at].lower()):
        return word
    if word[0].isupper() and lower in ("im", "u", "ur", "bout", "princes") and at > 0:
        return word
    right = "it's" if lower == "its" else _SLIPS[lower]
    return right[0].upper() + right[1:] if word[0].isupper() else right
