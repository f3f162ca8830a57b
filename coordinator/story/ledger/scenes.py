"""What can't change within a scene without a word: the hour, the weather, where somebody is. Pure.

Each rule keeps what the scene said last, forgets it where a sentence tells that it changes, and is silent where it
can't tell: a scene is short, and what is missed costs less than a false alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from coordinator.story.ledger.cast import Cast
from coordinator.story.ledger.claim import Claim, Clash
from coordinator.story.ledger.finding import WORLD
from coordinator.story.ledger.sentences import NO_NAMES, Page, Sentence, person_of
from coordinator.story.ledger.wording import listed

NEAR = 10
"""Sentences. What was said further back no longer binds."""
MOST_CLAIMS = 200

_NIGHT = re.compile(
    r"\b(?:it was (?:\w+ )?(?:midnight|night)\b(?! (?:before|after))|it was (?:\w+ )?dark(?=[.,;]| and| out)"
    r"|midnight(?=\.$)|the stars were|at midnight|past midnight|the dead of night|middle of the night"
    r"|(?:one|two|three) (?:o'clock )?in the morning|struck midnight|moonlight|the night was"
    r"|the moon (?:stood|hung|shone|was|lay|looked|climbed)"
    r"|stars (?:filled|shone|hung|were|burned|glittered|stood|wheeled)|under the stars|a sky full of stars"
    r"|starlight|pitch-black night)\b"
)
_DAY = re.compile(
    r"\b(?:at noon|it was (?:\w+ )?(?:noon|midday|afternoon|morning|broad daylight)|noon sun|midday (?:sun"
    r"|sunlight|glare|heat|light)"
    r"|afternoon (?:sun|sunlight|light|heat)|morning (?:sun|sunlight)|broad daylight|bright sunlight"
    r"|in the sunlight|sunshine|sunlight (?:poured|streamed|fell|lay|flooded|slanted|warmed)"
    r"|(?:the )?sun (?:stood|was|hung|beat|blazed|burned|shone|glared) (?:high|straight|directly|overhead"
    r"|down|on|at its|above)|at midday)\b"
)
_NO_HOUR = re.compile(
    r"\b(?:by|until|till|before|since|after|at this|like|as|every|each|midnight sun|lamp|lantern|always|often"
    r"|usually|sometimes|days and nights"
    r"|day and night|painted|at noon and|noon and midnight|tomorrow|yesterday|tonight|earlier|next)\b"
)
_HOURS_PASS = re.compile(
    r"\b(?:(?<!moment )(?<!moments )(?<!minute )(?<!second )(?<!seconds )(?<!instant )later|after|until|till"
    r"|by (?:the time|morning|noon|night|dawn|evening|midnight|then)|dawn|dusk|sunrise|sunset|sundown"
    r"|nightfall|evening"
    r"|twilight|daybreak|the next|following|hours?|passed|passing|slept|sleep|asleep|woke|waking|when|at last"
    r"|finally|tomorrow|yesterday"
    r"|day after|days|weeks?|months?|years?|meanwhile|all night|all day|morning came|night fell|began to|grew|came)\b"
)
_WEEKDAY = re.compile(
    r"\bit was (?:a |still )?(monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b(?! (?:that|when"
    r"|before|after))"
)
_MONTH = re.compile(
    r"\bit was (?:still |already |late |early |mid-?)?(january|february|march|april|may|june|july|august"
    r"|september|october|november|december"
    r"|winter|summer)\b(?! (?:that|when|before|after))"
)
_SEASONS = {
    **dict.fromkeys(("december", "january", "february", "winter"), "winter"),
    **dict.fromkeys(("june", "july", "august", "summer"), "summer"),
}

_RAIN = re.compile(
    r"\b(?:rain(?! (?:coat|barrel|gauge|water|check|had stopped|stopped|ended|would))|raining|rained"
    r"|downpour|it was pouring|drizzle|cloudburst)\b"
)
_NO_RAIN = re.compile(
    r"\b(?:after|before|until|till|since|like|without|no|for|of|smell of|promise of|threat of|yesterday's"
    r"|last|next|if|a chance of|into|wanted)"
    r" (?:the |a |some |any |more |that |last |last night's )?(?:rain|downpour|drizzle|cloudburst)\b"
    r"|\brain of\b|rained (?:on|upon) (?:her|his|the) (?:blows|head)"
)
_SNOW = re.compile(
    r"\b(?:snowing|snowed|blizzard|snow (?:\w+ )?(?:fell|fall|drifted|whirled|swirled|came down|was falling"
    r"|drove|flew)|snowflakes|falling snow)\b"
)
_FOG = re.compile(
    r"\b(?:fog (?:lay|hung|was|stood|pressed|swallowed|hid|had swallowed|covered|filled)|thick fog|in the fog"
    r"|through the fog)\b"
)
_CLEAR = re.compile(
    r"\b(?:cloudless|not a cloud|no clouds? (?:in|anywhere|to be seen)|sky (?:was )?(?:\w+ ){0,2}(?:clear"
    r"|blue)|clear (?:blue )?sky|blue sky|under a clear sky"
    r"|sun (?:was )?(?:blazing|blazed|beat|burned|shone|baked|glared|beat down)|bright sunshine|sunshine"
    r"|bright sunlight)\b"
)
_SKIES = (("rain", _RAIN), ("snow", _SNOW), ("fog", _FOG), ("a clear sky", _CLEAR))
_AGAINST = frozenset(
    frozenset(pair)
    for pair in (("rain", "a clear sky"), ("snow", "a clear sky"), ("fog", "a clear sky"), ("rain", "snow"))
)
_WEATHER_TURNS = re.compile(
    r"\b(?:stopp\w+|ceas\w+|end(?:ed|ing)|eas(?:ed|ing)|clear(?:ed|ing) (?:up|away|off)?|lift(?:ed|ing)|broke"
    r"|part(?:ed|ing)|thinn\w+|let up|gave way"
    r"|turn(?:ed|ing)|chang\w+|began|begun|start\w*|died|passed|gone|no longer|then|suddenly"
    r"|rainbow|slacken\w+|dry(?:ing)? out|inland|rolled in|came in|set in|mixed|between showers|sun-shower)\b"
)
_DENIED = re.compile(r"\b(?:no|not|never|nobody|nothing)\b|n't\b")
_TIME_PASSES = re.compile(r"\b(?:later|after|until|next|hours?|morning|days?|weeks?|evening|night fell|woke|journey)\b")

_ROOMS = listed(
    "kitchen cellar attic bedroom bathroom parlour parlor pantry library study lamp-room laundry nursery basement "
    "workshop office laboratory lab"
)
_BUILDINGS = listed(
    "tavern inn pub station church chapel mill barn prison jail hospital school shop bakery theatre museum bank"
)
_OPEN = listed(
    "pier quay beach cliff orchard graveyard cemetery churchyard bridge forest woods square market marketplace "
    "mountain desert deck bunk train mine "
    "cave ferry boat ship meadow swamp lake riverbank garden tent river park dock docks wharf jetty shore platform"
)
_ROOF = "roof"
_WET = listed("pier quay ferry boat ship deck bunk beach lake riverbank river dock docks wharf jetty shore bridge")
_SITE = re.compile(
    rf"\b(?:in|at|on|by|inside|aboard|near|beside|under|along|(?:top|rail|bow|stern|edge|middle|back|front"
    rf"|corner|end|doorway|foot) of) (?:the |a |an |her |his |their |@\d+'s )?(?:[\w-]+ ){{0,2}}?"
    rf"(lamp room|{'|'.join(sorted(_ROOMS | _BUILDINGS | _OPEN | {_ROOF}))})\b(?! (?:door|wall|window|gate"
    rf"|table|steps|stairs|clock|bell|key|yard|floor|of (?!the)))"
)
_WIDE_SITE = re.compile(
    r"\b(?:in|at|on|inside|(?:top|middle|edge) of) (?:the |a |an |her |his "
    r"|their )?(?:[\w-]+ ){0,1}?(lighthouse|village|town|castle|mainland|palace|island|hotel|farm)\b(?!')"
)
_WIDE_SITES = listed("lighthouse village town castle mainland palace island hotel farm") - {"island"}
_ABOARD = re.compile(r"\baboard\b")
_STANDS = re.compile(
    r"(?P<who>@\d+|\bshe|\bhe)(?:,? (?:who )?)(?:was|stood|sat|lay|knelt|waited|slept|stayed|crouched"
    r"|lingered|hid|remained|leaned|leant|dozed|squatted|perched)\b(?P<where>[^.;§@]{1,60})"
)
_APPOSED = re.compile(r"(?P<who>@\d+), (?P<where>(?:in|on|at|aboard) [^.,;§@]{1,40}),")
_ANYWHERE = re.compile(r"(?P<who>@\d+)\b(?P<where>[^.;§@]{1,80})")
_AT_ONCE = re.compile(
    r"\b(?:at (?:the|that) (?:very )?(?:moment|instant)|(?:the|that) (?:very )?same (?:moment|instant|time"
    r"|hour|minute|second|breath)|at exactly \w+|simultaneously)\b"
)
_GOES = re.compile(
    r"\b(?:went|goes|going|gone|came|come|coming|walk\w*|ran|run|running|climb\w*|cross\w*|left|leav\w+"
    r"|enter\w*|return\w*|follow\w*|stepp\w+|rode|drove|sail\w*"
    r"|flew|hurr\w+|reach\w+|arriv\w+|mov(?:ed|ing)|led|carried|descend\w*|escape\w*|fled|wander\w*|way"
    r"|journey|trip|later|then|after|until|next|when"
    r"|hours?|days?|weeks?|morning|evening|dragged|brought|took (?:her|him|them)|jump\w*|swam|slipp\w+"
    r"|stumbl\w+|strode|marched|trudg\w+|headed|passed"
    r"|back (?:in|at|on|to)|out of|home|boarded|dreamt?|chased|pursu\w+)\b"
)
_NOBODY = re.compile(r"(?:nothing|nobody|no one)\b")


@dataclass(slots=True)
class _Told:
    value: str
    at: int
    quote: str


def clashes(page: Page) -> Iterator[Clash]:
    """What the scenes of a section say that can't be so at once."""
    yield from _hours(page)
    yield from _weather(page)
    yield from _places(page)


def world(page: Page) -> Iterator[Claim]:
    """What a section says of the hour, the day and the weather."""
    for sentence in page.sentences:
        if sentence.reverie or sentence.unreal:
            continue
        hour = _hour(sentence)
        for word in (
            hour,
            *(found[1] for found in (_WEEKDAY.search(sentence.plain), _MONTH.search(sentence.plain)) if found),
        ):
            if word:
                yield Claim("day", WORLD, frozenset([word]), page.quote(sentence), sentence.paragraph)
        sky = _sky(sentence)
        if sky:
            yield Claim("weather", WORLD, frozenset([sky]), page.quote(sentence), sentence.paragraph)


def whereabouts(page: Page, index: int, sentence: Sentence) -> Iterator[Claim]:
    """Where somebody is by this sentence."""
    for person, site in _stands(page, index, sentence):
        hour = _CLOCK.search(sentence.plain)
        yield Claim(
            "where",
            page.key(person),
            frozenset([site]),
            page.quote(sentence),
            sentence.paragraph,
            other=hour[0].split(" ", 1)[1] if hour else "",
        )


_CLOCK = re.compile(
    r"\b(?:(?:on|that|same) (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|at (?:noon|midnight"
    r"|midday|(?:half past |exactly |the stroke of )?(?:one|two|three|four|five|six|seven|eight|nine|ten"
    r"|eleven|twelve|\d{1,2})(?: o'clock)?))\b"
)


def _hour(sentence: Sentence) -> str:
    night, day = _NIGHT.search(sentence.plain), _DAY.search(sentence.plain)
    if (night is None) == (day is None) or _NO_HOUR.search(sentence.plain):
        return ""
    return "night" if night else "day"


def _hours(page: Page) -> Iterator[Clash]:
    last: dict[str, _Told] = {}
    scene = -1
    for index, sentence in enumerate(page.sentences):
        if sentence.scene != scene:
            scene, last = sentence.scene, {}
        plain = sentence.plain
        # What passes in the sentence itself passes before what it says.
        if _HOURS_PASS.search(plain) and not (_NIGHT.search(plain) and not last):
            last.clear()
        if sentence.reverie or sentence.unreal:
            continue
        weekday, month = _WEEKDAY.search(plain), _MONTH.search(plain)
        told = (
            ("hour", _hour(sentence)),
            ("weekday", weekday[1] if weekday else ""),
            ("season", _SEASONS.get(month[1], "") if month else ""),
        )
        for what, value in told:
            if not value:
                continue
            known = last.get(what)
            if known is not None and known.value != value and index - known.at <= NEAR:
                yield Clash(
                    "time", WORLD, known.quote, page.quote(sentence),
                    f"In one scene it is {known.value} and then {value}, and no time passes between: let it "
                    f"pass, or keep to one.",
                    (known.value, value),
                )  # fmt: skip
            last[what] = _Told(value, index, page.quote(sentence))


def _sky(sentence: Sentence) -> str:
    plain = sentence.plain
    found = [sky for sky, pattern in _SKIES if pattern.search(plain) and not (sky == "rain" and _NO_RAIN.search(plain))]
    return found[0] if len(found) == 1 and not (found[0] in ("rain", "snow") and _DENIED.search(plain)) else ""


def _weather(page: Page) -> Iterator[Clash]:
    last: _Told | None = None
    scene = -1
    for index, sentence in enumerate(page.sentences):
        if sentence.scene != scene:
            scene, last = sentence.scene, None
        if _TIME_PASSES.search(sentence.plain):
            last = None
        if _WEATHER_TURNS.search(sentence.plain):
            last = None
            continue
        if sentence.reverie or sentence.unreal:
            continue
        sky = _sky(sentence)
        if not sky:
            continue
        if last is not None and frozenset((last.value, sky)) in _AGAINST and index - last.at <= NEAR:
            yield Clash(
                "weather", WORLD, last.quote, page.quote(sentence),
                f"In one scene there is {last.value} and then {sky}, and nothing tells that it turns: tell "
                f"it, or keep to one.",
                (last.value, sky),
            )  # fmt: skip
        last = _Told(sky, index, page.quote(sentence))


def _site(where: str, cast: Cast) -> str | None:
    found = _SITE.search(where) or _WIDE_SITE.search(where)
    if found:
        return found[1].replace(" ", "-")
    if _ABOARD.search(where):
        return "ship"
    own = _own_sites(cast.places)
    named = own.search(where) if own else None
    return named[1] if named else None


@lru_cache(maxsize=16)
def _own_sites(places: tuple[str, ...]) -> re.Pattern[str] | None:
    """The places of the outline that are a spot: of a house or a town another may be a part."""
    names = {name.lower().replace("’", "'").removeprefix("the ").strip() for name in places[:MOST_SITES]}
    spots = sorted(
        (name for name in names if name and name.split()[-1] not in _WIDE and len(name) <= 60), key=len, reverse=True
    )
    return (
        re.compile(rf"\b(?:in|at|on|by|inside|aboard|near) (?:the )?({'|'.join(map(re.escape, spots))})\b(?!')")
        if spots
        else None
    )


MOST_SITES = 40
_WIDE = listed(
    "house lighthouse town village city island harbour harbor castle palace ship hotel hospital school farm "
    "country sea river coast land world kingdom"
    " forest valley street road port bay estate manor mansion tower monastery abbey university campus base "
    "colony planet district station site"
)


def _stands(page: Page, index: int, sentence: Sentence) -> list[tuple[int, str]]:
    if sentence.reverie or sentence.unreal or (sentence.negated and not sentence.people):
        return []
    told: list[tuple[int, str]] = []
    for pattern in (_STANDS, _APPOSED):
        for found in pattern.finditer(sentence.plain):
            site = _site(found["where"], page.cast) or (_town(page, sentence) if pattern is _STANDS else None)
            if site is None or _NOT_THERE.search(found["where"]):
                continue
            person = person_of(page, index, found["who"], found.start("who"))
            if person is not None:
                told.append((person, site))
    return told


def _town(page: Page, sentence: Sentence) -> str | None:
    """A town or country by its name, where somebody was or stayed."""
    found = _TOWN.search(page.text, sentence.start, sentence.end)
    if found is None or found[1] in page.names or found[1] in NO_NAMES:
        return None
    return found[1]


_TOWN = re.compile(r"\b(?:was|stayed|waited|slept|sat|stood) (?:[a-z]+ )?in ([A-Z][a-z]{3,})\b(?! [A-Z])")
_NOT_THERE = re.compile(
    r"\b(?:not|never|going|used|born|seen|looking|thinking|about to|sure|told|given|taken|brought|gone)\b|n't\b"
)


def apart(one: str, other: str, *, at_once: bool = False) -> bool:
    """Whether nobody can be at both: they are different, and neither is a part of the other or beside it. What is wide,
    as a village, counts where the text says itself that it is `at_once`."""
    if one in _WIDE_SITES or other in _WIDE_SITES:
        return at_once and one != other and {one, other} <= _WIDE_SITES
    if one in other or other in one or (_ROOF in (one, other) and (one in _BUILDINGS or other in _BUILDINGS)):
        return False
    if (one in _WET and other in _WET) or {one, other} <= {
        "forest",
        "woods",
        "meadow",
        "lake",
        "river",
        "riverbank",
        "tent",
        "swamp",
        "park",
        "garden",
        "bridge",
        "mountain",
    }:
        return False
    if (one in _ROOMS and other in _BUILDINGS) or (one in _BUILDINGS and other in _ROOMS):
        return False
    near = (
        {"church", "chapel", "graveyard", "cemetery", "churchyard"}, {"station", "train", "platform"},
        {"tavern", "inn", "pub"},
        {"square", "market", "marketplace"}, {"study", "library"}, {"cellar", "basement"}, {"barn", "mill", "meadow"},
        {"garden", "orchard"}, {"mountain", "cave", "mine", "cliff", "forest", "woods", "tent", "beach"},
        {"shop", "bakery", "market", "marketplace", "square"}, {"prison", "jail"}, {"kitchen", "pantry"},
        {"bridge", "ship", "deck"},
    )  # fmt: skip
    return not any({one, other} <= group for group in near)


def _places(page: Page) -> Iterator[Clash]:
    last: dict[int, _Told] = {}
    scene = -1
    for index, sentence in enumerate(page.sentences):
        if sentence.scene != scene:
            scene, last = sentence.scene, {}
        at_once = _AT_ONCE.search(sentence.plain)
        told = _stands(page, index, sentence)
        if at_once and not told and not sentence.unreal and not sentence.reverie:
            for found in _ANYWHERE.finditer(sentence.plain):
                if (site := _site(found["where"], page.cast)) and not _GOES.search(found["where"]):
                    told.append((int(found["who"][1:]), site))
        if _GOES.search(sentence.plain) and not at_once and not _NOBODY.match(sentence.plain):
            last.clear()
        for person, site in told:
            known = last.get(person)
            if known is not None and apart(known.value, site, at_once=at_once is not None) and index - known.at <= NEAR:
                name = page.names[person]
                yield Clash(
                    "place", name, known.quote, page.quote(sentence),
                    f"{name} is at the {known.value} and, with no way told between, at the {site}: tell the "
                    f"way, or leave one out.",
                    (name, known.value, site),
                )  # fmt: skip
            last[person] = _Told(site, index, page.quote(sentence))
