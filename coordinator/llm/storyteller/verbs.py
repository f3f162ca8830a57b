"""English verbs as a prompt may have them: their forms by rule, the irregular ones by list."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ONLY = _words(
    "abandon abolish absorb accept audit accompany accuse achieve acquire adapt add adjust admire admit adopt advise "
    "afford agree allow amuse announce annoy apologise apologize appear apply appoint approach argue arrange arrest "
    "arrive assemble assume attach attend avenge avoid awaken banish become befriend beg begin behave believe belong "
    "betray blackmail bless borrow breathe bring build bury buy calculate carry celebrate cease choose collapse "
    "collect combine complain complete compose conceal confess confront confuse conquer consider consist contain "
    "continue convince correct create cross-examine deceive decide declare decorate defeat defend delay deliver "
    "demand deny depend descend describe deserve destroy develop devour die differ disagree disappear discover "
    "dispense disobey divide divorce donate doubt drown eat elect embrace emerge employ enchant encounter endure "
    "enjoy enter escape examine exist expect explain explore express extinguish fail follow forbid forge forget "
    "forgive freeze gather generate get give go grieve grow guess hang happen hate haunt have hear heal hesitate hide "
    "hire ignore imagine impersonate improve include infect inform inhabit inherit insist inspect interrupt invent "
    "investigate invite join keep kidnap kill kneel know learn lend listen live look lose maintain manage marry meet "
    "melt memorise memorize mend mention mistake mourn multiply need negotiate notice obey observe obtain occupy "
    "offend offer outlive overhear owe own paint perform persuade pour possess postpone pray predict prepare pretend "
    "prevent print promise pronounce protect prove provide publish pull punish put quit raise reach react read "
    "realise realize rearrange receive recognise recognize recover refuse reject release remain remember remind "
    "remove rename repair repeat replace replied represent rescue resign resist retire return reveal revive rob ruin "
    "save say scatter see seek seem sell send separate serve shrink sing sit smuggle solve speak spell spend spill "
    "stand start steal stay stick stop strand struggle succeed suffer suggest summon surrender surround survive "
    "suspect swallow swear sweep take talk teach tear tell tend terrify think threaten throw tolerate translate trap "
    "travel treat try understand unfold unlock unravel untie vanish vow wait wake walk wander want warn weave weep "
    "win wish wonder worry wrestle write yearn repaint rebuild reappear rewrite retell regret rely reside resemble "
    "retrieve rotate sabotage sew sharpen shatter shrug sink slip smash sneeze soothe sort spin starve steer stumble "
    "tame taste tempt thank tick transform tremble vote wear whisper whistle withhold adore advertise bake bury beget "
    "bewitch bind blame bleed boast boil brew burn bully crawl creep crumble cure curse dig dwell evict exile feed "
    "flee forecast gamble gossip greet harvest hatch haul hover hum hunt hurt ignite itch juggle knit lament lay leak "
    "lean leave leap lurk lecture migrate misplace misread mishear mock mutter narrate orbit outrun outwit overlook "
    "plead plot pluck plunder quarrel recite recruit resurrect rhyme rot scold scrape scream scribble shiver shout "
    "signal smile snore sob spare speed squeeze stalk stare stitch strike strive swap sway swim thaw toil trade trick "
    "unearth unite utter weigh wither yell rise reopen"
)
"""Verbs whose base form is hardly ever a noun where it could be taken for either."""

ALSO_NOUNS = _words(
    "act address aid aim anchor answer arm ask attack award balance ban bank base battle beat bend bet bite blow "
    "board bomb book bow box brake branch break bridge brush burst call camp care catch cause change charge charm "
    "chase check claim clean climb close clue coat comb come comfort command conduct control cook copy cost cough "
    "count cover crack crash credit crown cry curl cut dance deal debate desire dial do draft drag draw dream dress "
    "drift drill drink drive drop dry dust echo edit end exchange excuse experiment face fall fan farm fear ferry "
    "fight figure file fill film find fire fish fit fix flash float flood flow fly fold fool force form frame fuel "
    "gain guard guide halt hammer hand harm heat help hike hit hold honour hook hope host house hug ice increase iron "
    "joke journey judge jump kick kiss knock label lack land last laugh launch lead leave level lie lift light limit "
    "link list load lock log love mail make map march mark mask master match matter measure mind mine miss mix model "
    "move murder name nail nest net note nurse oil open order pack pardon park part pass paste pause pay peel phone "
    "photograph pick picture piece pilot pin place plan plant play plough plow point poison post practice practise "
    "present press process produce profit puzzle question queue race rain rank reason record reform reply report "
    "request rest retreat reward ride ring risk roar rock roll root row rule run rush sail salute scale scare score "
    "search seal season sense set shade shadow shake shape share shelter shine ship shock shoot shop show shower shut "
    "sigh sign skate sketch sleep slide smell smoke snow sound spark spray spring spy stage stain stamp star state "
    "step stir storm strain stream stress stretch study supply support surprise switch tail test tip toast touch tour "
    "trace track train trap trial trouble trust turn twist type use value view visit voice wash waste watch water "
    "wave whip will wind witness work wound wreck yield bargain bother crush dare feel fade flock ghost grip handle "
    "grant guarantee gaze glow grave haunt import insult milk mould mirror mistake pawn pool polish prompt rent "
    "repair ransom reject rumour search shelve shuffle skip snap spare stack stall stand steam stop storm stroke "
    "tangle taste tattoo tax telephone thread throw tie toll tow trail treat whistle wander whisper wish walk vote "
    "win start stay talk travel try wait wonder worry promise plot hate hunt offer knit curse cure burn blame boil "
    "dig dwell feed greet harvest hatch leak lecture mock orbit own paint print pull raise reach read return rescue "
    "ruin say sink slip spell spill spin stick strike struggle swap swim sway tear think trade trick delay demand "
    "divide divorce doubt escape embrace exile exit freeze grieve hang hide hire look make meet melt mend need notice "
    "pray release tune signal quarrel shout smile scream yell squeeze speed stare sob sneeze scribble collapse defeat "
    "approach hum itch stitch regret surrender offer print laugh cry gossip mutter rest display supply appeal attempt "
    "debut capture encounter experiment lament rumble scrape sacrifice treat trick twist wander transport escape "
    "mistake chill crack"
)
"""Verbs whose base form, or whose form in -s, may be a noun as well."""

_IRREGULAR = """
arise arose arisen|awake awoke awoken|bear bore borne|beat beat beaten|become became become|
begin began begun|bend bent bent|bet bet bet|bind bound bound|bite bit bitten|bleed bled bled|
blow blew blown|break broke broken|bring brought brought|build built built|burn burnt burnt|
burst burst burst|buy bought bought|catch caught caught|choose chose chosen|come came come|cost cost cost|
creep crept crept|cut cut cut|deal dealt dealt|dig dug dug|draw drew drawn|dream dreamt dreamt|
drink drank drunk|drive drove driven|dwell dwelt dwelt|eat ate eaten|fall fell fallen|feed fed fed|
feel felt felt|fight fought fought|find found found|flee fled fled|fly flew flown|forbid forbade forbidden|
forget forgot forgotten|forgive forgave forgiven|freeze froze frozen|get got got|give gave given|
go went gone|grow grew grown|hang hung hung|hear heard heard|hide hid hidden|hit hit hit|hold held held|
hurt hurt hurt|keep kept kept|kneel knelt knelt|know knew known|lay laid laid|lead led led|
lean leant leant|leap leapt leapt|learn learnt learnt|leave left left|lend lent lent|let let let|
lie lay lain|light lit lit|lose lost lost|make made made|mean meant meant|meet met met|mistake mistook mistaken|
overhear overheard overheard|pay paid paid|put put put|quit quit quit|read read read|
rebuild rebuilt rebuilt|rewrite rewrote rewritten|ride rode ridden|ring rang rung|rise rose risen|
run ran run|say said said|see saw seen|seek sought sought|sell sold sold|send sent sent|set set set|
sew sewed sewn|shake shook shaken|shine shone shone|shoot shot shot|show showed shown|shrink shrank shrunk|
shut shut shut|sing sang sung|sink sank sunk|sit sat sat|sleep slept slept|slide slid slid|
speak spoke spoken|speed sped sped|spell spelt spelt|spend spent spent|spin spun spun|spring sprang sprung|
stand stood stood|steal stole stolen|stick stuck stuck|strike struck struck|swear swore sworn|
sweep swept swept|swim swam swum|take took taken|teach taught taught|tear tore torn|tell told told|
think thought thought|throw threw thrown|understand understood understood|wake woke woken|wear wore worn|
weave wove woven|weep wept wept|win won won|wind wound wound|withhold withheld withheld|
write wrote written|retell retold retold|misread misread misread|mishear misheard misheard|
outrun outran outrun|strive strove striven
"""
_DOUBLING = frozenset(
    _words(
        "ban beg bet chat chop clap cut dig drag drop drum fan fit flip get grab grin grip hit hop hug hum jog "
        "kidnap knit knot log map mop net nod pat permit pin plan plot pop prefer put quit refer regret rip rob "
        "rot rub run scan set shop shut sip sit skip slam slap slip snap sob spin split spot step stir stop strip "
        "swap swim tap tip trap trim trip wag win wrap zip"
    )
)


def _third(base: str) -> str:
    if base.endswith(("s", "x", "z", "ch", "sh")) or base in ("go", "do", "echo", "veto"):
        return f"{base}es"
    return f"{base[:-1]}ies" if base.endswith("y") and base[-2] not in "aeiou" else f"{base}s"


def _past(base: str) -> str:
    if base.endswith("e"):
        return f"{base}d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return f"{base[:-1]}ied"
    return f"{base}{base[-1]}ed" if base in _DOUBLING else f"{base}ed"


def _ing(base: str) -> str:
    if base.endswith("ie"):
        return f"{base[:-2]}ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return f"{base[:-1]}ing"
    return f"{base}{base[-1]}ing" if base in _DOUBLING else f"{base}ing"


def _forms() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    irregular = {
        base: (past, part)
        for base, past, part in (entry.split() for entry in _IRREGULAR.replace("\n", " ").split("|") if entry.strip())
    }
    for base in {*ONLY, *ALSO_NOUNS, *irregular}:
        past, part = irregular.get(base, (_past(base), _past(base)))
        for form, tag in (
            (base, "base"),
            (_third(base), "third"),
            (past, "past"),
            (part, "participle"),
            (_ing(base), "ing"),
        ):
            found.setdefault(form, set()).add(tag)
        if base in irregular and base not in ("be", "go"):
            found.setdefault(_past(base), set()).add("past")
    return {form: frozenset(tags) for form, tags in found.items()}


FORMS = _forms()
"""The forms that each word may be of a verb: `base`, `third`, `past`, `participle`, `ing`."""

_NOUNS = {*ALSO_NOUNS} | {_third(base) for base in ALSO_NOUNS}


def forms(word: str) -> frozenset[str]:
    """The forms that the lower-case `word` may be; none where it is no verb that is known here."""
    return FORMS.get(word, frozenset())


def base(word: str) -> str | None:
    """The base form of a lower-case third person (`keeps`); None for any other word."""
    known = {"has": "have", "is": "be", "does": "do", "goes": "go", "says": "say"}
    if word in known:
        return known[word]
    if "third" not in forms(word):
        return None
    stems = (f"{word[:-3]}y" if word.endswith("ies") else "", word[:-2] if word.endswith("es") else "", word[:-1])
    return next((stem for stem in (stems[0], stems[2], stems[1]) if "base" in forms(stem)), None)


def may_be_noun(word: str) -> bool:
    """Whether the lower-case `word` may be a noun: any that is no known verb, and those that are both."""
    tags = forms(word)
    return not tags or word in _NOUNS
