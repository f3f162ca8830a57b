"""Where a message gives a name, and whether what stands there is one."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import words
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.plain import plain_name

MOST_WORDS = 5
_PARTICLES = words_of("de del della der den van von zu la le el al bin ibn ben da di du dos das of the y ter af av")
_NEVER = words_of(
    "a an the my your his her its our their this that these those not none nothing unknown secret nobody's "
    "irrelevant what "
    "who whose which whom hard difficult easy long short important important boring weird silly funny pretty "
    "common rare "
    "beautiful too very quite really just only also still already actually btw lol haha hehe thanks thank please "
    "ok okay "
    "speaking here there now then today tonight because since if whether like same different spelled spelt pronounced "
    "written taken given gone going coming changed changing mentioned listed called named known to in on at from "
    "for with "
    "without by about and or but nor so yet as than i you he she it we they me him them us mine yours is are was "
    "were be "
    "been am do does did has have had will would can could should may might must won't don't isn't "
    "none no yes never always sometimes often maybe perhaps something anything everything someone anyone everyone "
    "secret private classified confidential"
)
_EVEN_SO = frozenset(("Will", "May"))
_OTHER_WAYS = words_of(  # After `I'm`: how somebody is, where they come from, what they do.
    "sorry sure fine good great okay ok well back here there home done ready happy sad tired bored lost stuck new "
    "old young "
    "hungry thirsty sick ill cold hot curious afraid scared glad serious kidding joking trying going not just so very "
    "really still also only always never in on at from with without a an the your his her looking writing working "
    "thinking reading wondering asking talking living feeling doing having getting being about out up off down "
    "late early "
    "alone interested excited confused impressed aware pretty quite too all both one somebody someone nobody no "
    "yes right "
    "wrong human male female single married pregnant dead alive busy free angry mad drunk high sleepy awake asleep "
    "american british english german french spanish italian irish scottish welsh dutch polish russian chinese japanese "
    "korean indian mexican canadian australian turkish greek swedish norwegian danish finnish portuguese brazilian "
    "african european asian christian muslim jewish hindu buddhist catholic atheist vegan vegetarian gay straight "
    "trans "
    "autistic dyslexic blind deaf left-handed monday tuesday wednesday thursday friday saturday sunday "
    "because what who where when why how that this it if more less enough ai gpt chatgpt claude "
    "wow nice cool awesome amazing perfect lovely brilliant excellent terrible awful bad worse better best true false "
    "listening waiting watching kind sort like to for by"
)
_ENDS = re.compile(r"[,;:!?)(/\n]|\.(?=\s|$)|\s[-–—]\s")
_LETTERS = re.compile(r"[^\W\d_]")


def name_in(tail: str, shouted: bool = False) -> str:
    """The name that `tail`, which stands after `my name is` and the like, begins with; empty where it is none.

    At most MOST_WORDS words and `words.LONGEST_NAME` characters, as plain words. `shouted`: all of it is in capitals.
    """
    tail = tail.strip()
    quoted = re.match(r"\"([^\"]{1,60})\"|'([^']{1,60})'(?!\w)", tail)
    if quoted:
        return cleaned(quoted[1] or quoted[2])
    stop = _ENDS.search(tail)
    run = tail[: stop.start()] if stop else tail
    tokens = run.split()[: MOST_WORDS + 1]
    if not tokens:
        return ""
    if not _LETTERS.search(run):
        return cleaned(run) if len(run) <= 20 else ""
    taken = _taken(tokens, shouted or (run.isupper() and len(run) > 3))
    return cleaned(" ".join(taken))


def _taken(tokens: list[str], shouted: bool) -> list[str]:
    taken: list[str] = []
    for index, token in enumerate(tokens[:MOST_WORDS]):
        word = token.strip("*_`\"'.~<>[]{}|\\#")
        lower = word.lower()
        following = tokens[index + 1].strip("*_`\"'.") if index + 1 < len(tokens) else ""
        if taken and lower in _PARTICLES and following[:1].isupper() and not shouted:
            taken.append(word)
        elif not word or (lower in _NEVER and not (word in _EVEN_SO and not taken)):
            break
        elif word[0].islower():
            if not _may_be_small(lower, taken, len(tokens) - index):
                break
            taken.append(word)
        else:
            taken.append(word.capitalize() if shouted else word)
    if taken and taken[0][0].islower():
        return [word[0].upper() + word[1:] if word not in _PARTICLES else word for word in taken]
    return taken


def _may_be_small(lower: str, taken: list[str], left: int) -> bool:
    """Whether a word in small letters is a name: one alone, or a surname at the end of `alice liddell`."""
    known = lower in lx.FEMALE_NAMES or lower in lx.MALE_NAMES
    if not taken:
        return known or not (lower in lx.ADJECTIVES or lower in lx.ADVERBS or lower in lx.PREPOSITIONS)
    return taken[0][0].islower() and len(taken) == 1 and left == 1 and lower not in lx.ADVERBS


def cleaned(name: str) -> str:
    """A name as plain words, at most `words.LONGEST_NAME` characters; empty where nothing of it is left."""
    plain = " ".join(
        re.sub(r"[<>{}\[\]|\\^`*#~\"“”=&;]|(?<!\w)_|_(?!\w)", " ", plain_name(name) if name else "").split()
    )
    return plain[: words.LONGEST_NAME].strip(" .,;:!?-'’")


def self_named(tail: str) -> str:
    """The name after `I'm`, where that is no mood, trade or country: a known name, or one word or two with capitals."""
    first = tail.split()[0] if tail.split() else ""
    word = first.strip("*_`\"'.,;:!?~")
    lower = word.lower()
    if not word or lower in _OTHER_WAYS or lower.endswith(("ing", "n't")) or (tail.isupper() and len(tail) > 3):
        return ""
    known = lower in lx.FEMALE_NAMES or lower in lx.MALE_NAMES
    plain = lower in lx.ADJECTIVES or lower in lx.ADVERBS
    if word[0].islower():
        rest = tail[len(first) :].strip(" .!")
        told = (
            known and not plain and (not rest or first[-1] in ",.!" or rest.startswith(("and ", "from ", "by the way")))
        )
        return name_in(tail) if told else ""
    if lower.endswith(("ish", "ese")) or (plain and not known):
        return ""
    name = name_in(tail)
    after = tail[tail.find(name) + len(name) :].split() if name else []
    return (
        name
        if name and len(name.split()) <= 3 and (not after or after[0][:1] in ",.!;:-–—" or after[0] in _AFTER)
        else ""
    )


_AFTER = words_of("and from the by but here your a nice, btw")


def is_known(word: str) -> bool:
    lower = word.lower()
    return lower in lx.FEMALE_NAMES or lower in lx.MALE_NAMES
