"""What a message asks for, by the patterns of the bank `hearing`. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import banks, words
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.story.language import of_prompt

_LEAD = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|ok|okay|so|well|and|but|please|pls|um|uh|hm+|ah|oh|now|then|dear muse|muse|"
    r"storyteller|critic|yes|yeah|no|nope|"
    r"sure|great|cool|nice|good|thanks|thank you|alright|all right|also|just|by the way|btw|actually|sorry|fine|"
    r"wait|listen|right|"
    r"i wonder|(?:do|did) you know|(?:can|could|would|will) you (?:please )?(?:tell|remind) me|i(?:'d| would) like "
    r"to know|"
    r"i(?:'m| am) curious|quick question|question|one (?:more )?question|tell me|lol|haha|there|in that case|for "
    r"now|first|to start with|"
    r"my question is|once more|again|seriously|honestly|lovely|perfect|wow)(?![\w'-])[\s,:!.…?–—-]{0,4}){1,4}"
)


def _joined(bank: dict[str, list[str]]) -> re.Pattern[str]:
    """All patterns of the bank as one, which is many times quicker than each by itself: a group a kind, named by its
    place in the bank, and in it what it is about."""
    kinds = []
    for place, patterns in enumerate(bank.values()):
        numbered = [one.replace("(?P<about>", f"(?P<about{place}x{index}>") for index, one in enumerate(patterns)]
        kinds.append(f"(?P<kind{place}>{'|'.join(numbered)})")
    return re.compile("|".join(kinds))


_KINDS = tuple(banks.hearing())
_PATTERN = _joined(banks.hearing())
_CODE = re.compile(
    r"```|\b(?:def|class|import|function|const|return|public static|select \*|insert into|drop table|#include|"
    r"print|console\.log)\b"
    r"[ (\w]{0,30}[({;:=*]|</?[a-z]{1,12}[^<>]{0,60}>|[{};]\s*$|=>|\$\{|<\?php|^\s*[{\[].{0,200}[}\]]\s*$",
    re.IGNORECASE,
)
_VOWEL = re.compile(r"[aeiouyäöüéáíóúàèìòùæøå]")
_LINK = re.compile(r"\b(?:https?://|www\.)[\w./?=&%#-]{1,200}", re.IGNORECASE)
_SERVICE = re.compile(
    r"^(?:your |the )?story [\"“«‘']([^\"”»\n]{1,200})[\"”»’'](?:,? which .{0,60},?)? (?:(?:is|was|has|has been|"
    r"could not be|can't be|will be) )?(.{2,120})",
    re.IGNORECASE,
)
_OUTCOMES = (
    ("failed", re.compile(r"\b(?:failed|broke|error|could not|can't)\b", re.IGNORECASE)),
    ("cancelled", re.compile(r"\b(?:cancelled|canceled|stopped|expired|paused|deleted)\b", re.IGNORECASE)),
    ("done", re.compile(r"\b(?:done|finished|completed?|ready|written)\b", re.IGNORECASE)),
    (
        "begun",
        re.compile(
            r"\b(?:begun|began|started|starts|under way|being written|in the queue|queued|begins)\b", re.IGNORECASE
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """`kind` is one of the bank's, or `empty`, `marks`, `pictures`, `code`, `link`, `mash`, `foreign`, `service`, or
    `` for what only tells. `about` is what it is about, `asks` whether it ends with a question mark."""

    kind: str
    about: str = ""
    sentence: str = ""
    asks: bool = False


FIRST, LAST = 2, 3
"""Sentences at the beginning and at the end of a message that may ask for something; what stands between them tells."""


@lru_cache(maxsize=1024)
def heard(glimpsed: str) -> tuple[Heard, ...]:
    """What each sentence of a message asks. Takes what `words.glimpse` gave. At least one, at most
    `words.MOST_SENTENCES`."""
    bare = glimpsed.strip()
    if not bare:
        return (Heard("empty"),)
    if told := service(bare):
        return (Heard("service", told[1], told[0]),)
    if (special := _special(bare)) is not None:
        return (special,)
    sentences = words.sentences(bare)
    if len(sentences) > FIRST + LAST:
        between = [Heard("", "", sentence) for sentence in sentences[FIRST:-LAST]]
        return (*map(_of_sentence, sentences[:FIRST]), *between, *map(_of_sentence, sentences[-LAST:]))
    return tuple(map(_of_sentence, sentences)) or (Heard("empty"),)


def service(text: str) -> tuple[str, str] | None:
    """Title and outcome (`begun`, `done`, `failed`, `cancelled`) of a message in which the service tells of a story."""
    told = _SERVICE.match(text[:500].strip())
    if told is None:
        return None
    outcome = next((name for name, pattern in _OUTCOMES if pattern.search(told[2])), "")
    return (told[1].strip(), outcome) if outcome else None


def _special(bare: str) -> Heard | None:
    letters = [char for char in bare[:400] if char.isalpha()]
    if not letters:
        if any(unicodedata.category(char) == "So" for char in bare[:200]) and not re.search(r"\d", bare):
            known = _kind(bare.strip())
            return known if known and known.kind in ("accept", "laugh") else Heard("pictures", bare[:60], bare)
        if re.search(r"\d", bare):
            return None
        return Heard("marks", "?" if "?" in bare else "", bare[:20])
    if _CODE.search(bare[:600]) and not bare.lower().startswith(("my name", "i'm ", "call me")):
        return Heard("code", "", bare[:200])
    if _LINK.fullmatch(bare):
        return Heard("link", bare[:80], bare)
    if is_foreign(bare):
        return Heard("foreign", of_prompt(bare[:600]) or "", bare)
    if _is_mash(bare):
        return Heard("mash", bare[:30], bare)
    return None


def is_foreign(bare: str) -> bool:
    """Whether a message is in another language than English, by its script or by its commonest words."""
    sample = bare[:600]
    letters = [char for char in sample if char.isalpha()]
    if len([char for char in letters if char > "\u024f"]) * 2 > len(letters):
        return True
    if len(sample.split()) < 3 or _ENGLISH.search(sample.lower()):
        return False
    told = set(re.findall(r"[^\W\d_]+", sample.lower())) & lx.FOREIGN_MARKS
    return len(told) > 1 or of_prompt(sample) != "en"


_ENGLISH = re.compile(r"\b(?:the|what|and|story|i'm|i|with|you|is|of|it|she|my|that|to)\b")


def _is_mash(bare: str) -> bool:
    """Whether somebody only hit the keys: one or two words without vowels, or of one letter again and again."""
    tokens = bare.lower().split()
    if len(tokens) > 2 or len(bare) < 4:
        return False
    word = re.sub(r"[^\w]", "", "".join(tokens))
    if not word.isascii() or not word.isalpha():
        return False
    if len(set(word)) <= 2 and len(word) >= 5:
        return not re.fullmatch(r"(?:ha|he|no|yes|ooh?|aah?|hm+|h+m+|mm+|lo+l|wow+|boo+|hoho|haha\w*|hehe\w*)+", word)
    vowels = len(_VOWEL.findall(word))
    run = max((len(part) for part in re.split(r"[aeiouy]", word)), default=0)
    return len(word) >= 5 and (
        vowels == 0 or run >= 5 or re.search(r"asdf|qwer|sdfg|hjkl|zxcv|jkl|dfgh", word) is not None
    )


def _of_sentence(sentence: str) -> Heard:
    squeezed = words.squeezed(sentence)
    asks = "?" in sentence[-3:]
    if not squeezed:
        return Heard("marks", "?" if asks else "", sentence[:20])
    whole = _kind(squeezed)
    bare = _LEAD.sub("", squeezed).strip()
    found = _kind(bare) if bare and bare != squeezed else None
    best = _better(whole, found)
    if best is None and asks and re.match(r"my name is\b", squeezed):
        best = Heard("is-name", squeezed.removeprefix("my name is").strip())
    if best is None or (best.kind == "fact" and not asks and not _ASKING.match(squeezed)):
        return Heard("ask" if asks else "", "", sentence, asks)
    return Heard(best.kind, _as_written(best.about, sentence), sentence, asks)


def _as_written(about: str, sentence: str) -> str:
    """With the capitals that it has in the sentence."""
    line = " ".join(sentence.split())
    at = line.lower().find(about) if len(line.lower()) == len(line) else -1
    return line[at : at + len(about)] if at >= 0 else about


_ASKING = re.compile(
    r"(?:what|who|where|when|why|how|which|whose)(?:'s| is| are| was| were| did| do| does| has| have| old| many| "
    r"much| long| far| colou?r)\b"
)
_SOCIAL = words_of("hello thanks accept refuse sorry bye praise laugh")


def _better(whole: Heard | None, found: Heard | None) -> Heard | None:
    """Of a sentence with and without what leads up to it: what asks for something before what is only polite."""
    if found is None:
        return whole
    if whole is None or whole.kind in _SOCIAL or whole.kind == "fact":
        return found if found.kind != "fact" or whole is None else whole
    return whole


def _kind(squeezed: str) -> Heard | None:
    told = _PATTERN.match(squeezed[:300])
    if told is None or told.lastgroup is None:
        return None
    about = next((value for name, value in told.groupdict("").items() if value and name.startswith("about")), "")
    return Heard(_KINDS[int(told.lastgroup.removeprefix("kind"))], about.strip(" .,!?:;\"'"))
