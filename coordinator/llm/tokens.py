"""How many tokens a text may come to, where no tokenizer can be asked. Pure."""

from __future__ import annotations

import math

ASCII_PER_TOKEN = 3.5
"""English prose has 4 to 4.5 characters a token in vocabularies of 30,000 entries and more."""
BYTES_PER_TOKEN = 2.4
"""Of UTF-8, in all other letters: about one token a Chinese character, two of a Russian word."""


def tokens_of(text: str) -> int:
    """An estimate that is rather too high than too low, so that what is made to fit does."""
    size = len(text.encode("utf-8", "surrogatepass"))
    wide = size - len(text)
    # Each letter that is not ASCII has one byte more than it has characters at the least.
    plain = len(text) if not wide else sum(map(str.isascii, text))
    return math.ceil(plain / ASCII_PER_TOKEN + (size - plain) / BYTES_PER_TOKEN)
