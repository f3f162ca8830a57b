"""Who has died, and who does something after that, as a text says it in English. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from coordinator.story.ledger.claim import Claim
from coordinator.story.ledger.sentences import Page, Sentence, person_of

_WHO = r"(?P<who>@\d+|\bshe|\bhe)"
_ASIDE = r"(?:,[^,;.]{1,40},)?"
_LAST = r"(?:his|her|their) last\b(?! (?:drink|meal|card|coin|look))"
_DIED = (
    r"(?:died|perished|passed away|starved to death|bled to death|froze to death|burned to death"
    r"|choked to death|bled out"
    rf"|breathed {_LAST}|drew {_LAST}(?: breath)?|stopped breathing|fell dead|dropped dead|lay dead|(?:hanged"
    rf"|shot|drowned) (?:him|her)self"
    r"|never breathed again|did not (?:wake|breathe) again|never woke again|took (?:his|her) own life"
    r"|drowned(?! (?:the|out|his|her|it|a|in (?:work|paper|debt|sound|tears))\b))"
)
_FIGURE = (
    r"(?! (?:away|down|inside|laughing|of (?:laughing|laughter|boredom|shame|embarrassment|curiosity)|a (?:little"
    r"|thousand)|for a|on (?:his|her|the) (?:lips|tongue)))"
)
_SOON = r"(?:(?:just|already|finally|quietly|alone|suddenly|\w+ly) )?"
_DEAD = (
    r"dead\b(?! (?:tired|asleep|certain|sure|calm|serious|set|wrong|right|weight|on|drunk|to|against|ahead"
    r"|last|silent|still|quiet"
    r"|broke|good|in the water|inside|from|or|if)\b)(?!-)"
)
_DONE_TO = (
    r"(?:killed|murdered|slain|hanged|executed|shot dead|shot and killed|beheaded|strangled|stabbed to death"
    r"|beaten to death|cremated|drowned"
    r"|buried(?! (?:in (?!the (?:ground|earth|sand|garden|churchyard|graveyard|cemetery|snow|field|yard|vault"
    r"|crypt|sea)\b)|under|up to|beneath|deep|her|his|the|himself|herself)\b))"
)
_DEATHS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WHO}{_ASIDE} (?:had |has )?{_SOON}{_DIED}{_FIGURE}",
        rf"{_WHO} (?:was|had been) [^.,;§@]{{3,60}} and (?:had )?{_SOON}died{_FIGURE}\b",
        rf"{_WHO}{_ASIDE} (?:was|is|were|had been|has been|lay|is lying|was found) (?:now |already |long "
        rf"|quite |truly |really |certainly )?{_DEAD}",
        rf"{_WHO} (?:was|were|had been|has been) (?:\w+ly )?{_DONE_TO}",
        r"(?<!nearly )(?<!almost )\b(?:killed|murdered|slew|strangled|beheaded|cremated|executed|buried"
        r"|shot and killed) (?P<who>@\d+)\b(?!'|, who| with (?:work|kindness))",
        r"(?P<who>@\d+)'s (?:corpse|dead body|funeral|coffin|headstone|gravestone|tombstone|autopsy"
        r"|grave(?=[,.;]|$| (?:on|in|at|by|beside|with|under|stood|lay|was|had|and)\b))",
        r"(?P<who>@\d+)'s heart (?:had )?stopped(?! for\b| when\b| at the\b| a beat\b| in (?:his|her)\b)",
        r"(?P<who>@\d+|\bshe|\bhe) (?:did not|didn't|does not) (?:survive|live through|pull through)\b",
        r"\b(?:laid|lowered) (?P<who>@\d+|him|her) (?:in|into) (?:the|his|her) (?:ground|grave|earth)\b",
        r"\b(?:pronounced|declared|found|struck) (?P<who>@\d+|him|her) dead\b(?! (?:drunk|asleep|tired))",
        r"(?P<who>@\d+), (?:now |long )?dead (?:these|for|since|by now|at last)\b",
    )
)
_DEATH_WORD = re.compile(
    r"\b(?:dead|died|drowned|perished|death|breathed|breathing|breath|passed away|killed|murdered|slain|slew"
    r"|hanged|executed|shot"
    r"|beheaded|strangled|buried|cremated|corpse|body|funeral|coffin|headstone|gravestone|tombstone|autopsy"
    r"|grave|heart|own life|woke|wake|bled|survive|pull through|live through|ground)\b"
)
_REPORTED = re.compile(
    r"\b(?:said|says|told|heard|hears|thought|believed|feared|claimed|swore|knew|wondered|sure|certain"
    r"|convinced|rumou?r|reported|asked|wrote|read|until|till"
    r"|before (?:@\d+|she|he) (?:died|was|passed|drowned|perished)|before (?:he|she|@\d+)'s|to death of)\b"
)
_KNOWN = re.compile(r"\bbefore\b")
RETURNED = re.compile(
    r"\b(?:ghost\w*|spirit|spectre|specter|phantom|apparition|resurrect\w*|reviv\w+|undead|back from the dead"
    r"|alive after all|still alive"
    r"|was alive|is alive|not dead|n't dead|(?<!not )(?<!n't )surviv\w+|faked|(?:come|came) back to life"
    r"|risen|rose again|not died|n't died|presumed dead"
    r"|thought (?:him|her|them) dead|haunt\w*|hologram|clone|twin|revenant|afterlife|vampire|zombie"
    r"|necromanc\w+|seance|séance|reborn"
    r"|reincarnat\w+|impostor|recording|tape|diary)\b"
)
_ACTED = (
    "answered appeared argued arrived asked ate began bent bit blew blinked bought bowed brought brushed called "
    "came carried caught chose clapped climbed closed coiled cooked counted crawled cried crossed crouched cursed "
    "cut danced descended dipped dived dragged drank drew drove dug emptied entered fetched finished fired flung "
    "folded followed frowned gave glanced grabbed grinned gripped groaned growled hammered handed hauled helped "
    "hesitated hid hit hugged hummed hurried interrupted joined jumped kicked kissed knelt knocked laughed leaned "
    "leapt led lifted limped listened lit loaded locked loosened lowered marched measured mended moved murmured "
    "muttered nodded offered opened ordered paced packed paid painted paused peeled peered picked played pointed "
    "poked poured pressed prodded promised pulled pushed put raised ran rang reached refused removed repeated "
    "replied returned rode rolled rose rowed rubbed said sailed sang sat scratched scrubbed searched set shivered "
    "shouted shoved shrieked shrugged shuffled shut sighed signed skipped slammed slapped slid slipped smiled "
    "smoked snapped snatched sneezed snorted spat spoke sprang squeezed stamped stared started steadied steered "
    "stepped stirred stole stood stopped stretched strode stroked strolled struck stumbled swallowed swam swept "
    "swung tapped tasted threw tied tilted told took tossed touched tried trotted trudged tucked tugged turned "
    "unfolded unlocked untied waded waited walked wandered warned washed watched waved went wept whispered "
    "whistled winced winked wiped woke worked wrapped wriggled wrote yanked yawned yelled "
)
_ACTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<who>@\d+){_ASIDE} (?:(?:then|also|only|just|still|never|\w+ly) )?(?:shook (?:his|her|the)"
        rf"|held (?:out|up|his|her)|looked (?:up|down|at|round|around|back|over|away)"
        rf"|{'|'.join(_ACTED.split())})\b",
        r"§ ?,? ?(?:said|asked|answered|replied|whispered|shouted|called|cried|muttered|murmured"
        r"|added) (?P<who>@\d+)\b(?!')",
        r"(?P<who>@\d+) (?:was|stood|sat) (?:still |already )?(?:rowing|walking|running|laughing|singing"
        r"|eating|drinking|talking|speaking|waiting|working|writing"
        r"|smiling|sitting|standing|climbing|counting|watching|mending|holding|carrying|swinging|smoking"
        r"|whistling|cooking|reading|coming|going)\b",
    )
)
_NO_ACT = re.compile(
    r"\b(?:body|corpse|grave|dead|death|died|dying|funeral|coffin|buried|letter|letters|notebook|journal"
    r"|wrote|written|handwriting|always|once"
    r"|voice|name|before|last time|the way|the day|the night|years|whenever|ever|never again|when)\b"
)


def deaths(page: Page, index: int, sentence: Sentence) -> Iterator[Claim]:
    """Who dies or is dead by this sentence."""
    plain = sentence.plain
    if not _DEATH_WORD.search(plain) or sentence.reverie or sentence.unreal or _REPORTED.search(plain):
        return
    for pattern in _DEATHS:
        for found in pattern.finditer(plain):
            lead = plain[max(found.start() - 30, 0) : found.start()]
            if _LEAD.search(lead):
                continue
            person = person_of(page, index, found["who"], found.start("who"))
            if person is not None:
                yield Claim("dead", page.key(person), frozenset(["dead"]), page.quote(sentence), sentence.paragraph)


_LEAD = re.compile(r"\b(?:before|until|till|if|not|never|nobody|no one|nothing|when will|had not|as good as)\b[^.,;]*$")


def acts(page: Page, index: int, sentence: Sentence) -> Iterator[Claim]:
    """Who does by this sentence what only the living do."""
    plain = sentence.plain
    if not sentence.people or sentence.reverie or _NO_ACT.search(plain):
        return
    told: set[int] = set()
    for pattern in _ACTS:
        for found in pattern.finditer(plain):
            person = int(found["who"][1:])
            if person not in told and not sentence.unreal_until(found.end()):
                told.add(person)
                yield Claim("acts", page.key(person), frozenset(["alive"]), page.quote(sentence), sentence.paragraph)


DEAD_BEFORE = re.compile(
    r"(?:^|[,;.:] ?|\bis |\bwas )(?:long |now |already )?(?:dead|deceased)\b(?! (?:set|serious|calm|sure"
    r"|certain|tired|to|-))"
    r"|\bdied (?:\w+ ){0,3}(?:years?|months?|weeks?|days?) (?:ago|before)\b|\bdead (?:for|these|since)\b"
)
