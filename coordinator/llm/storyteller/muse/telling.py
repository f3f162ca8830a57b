"""What a message tells: of its writer and of the story, as facts that a memory keeps. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import names, words

LONGEST = 140
"""Characters of a value."""
MOST = 12
"""Facts of one message."""


@dataclass(frozen=True, slots=True)
class Fact:
    """`key` is one of `memory.KEYS`, or `not name` for a name that is refused, `called` for one told by a pronoun."""

    key: str
    value: str


_LEAD = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|hola|bonjour|salut|hallo|ciao|olá|hej|merhaba|привет|dear muse|well|so|ok|okay|yes|yeah|yep|no|nope|nah|actually|sorry|and|but|oh|ah|um|uh|also|please|"
    r"listen|look|fine|sure|right|great|good|perfect|btw|by the way|for the record|fyi|to be clear|i said|i told you|"
    r"you know|just|then|now|anyway|i think|i guess|maybe|perhaps|let's say|hm+|alright|all right|good morning|"
    r"good evening|there|again|however|wait|nice to meet you|this time|in my story|in the story|remember(?: that)?)"
    r"(?![\w'])[\s,:!.\-–—]{0,4}){1,4}",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"^(?:and |but |so )?(?:what if|if|suppose|imagine|pretend|(?:she|he|they|it|[a-z]{2,20}) (?:says?|said|tells?|told|asks?|asked|"
    r"thinks?|thought|whispers?|shouts?))\b(?! you)",
    re.IGNORECASE,
)
_SPOKEN = re.compile(r"\"[^\"]{0,300} [^\"]{0,300}(?:\"|$)")
_JOINT = re.compile(
    r"(?:[,;:]| -|–|—|,? (?:and|but|so))\s{1,3}(?=(?:(?:and|but|so|also|then) )?(?:my|i'm|i am|i live|i love|i like|i hate|i work|"
    r"i have|call me|call her|call him|her name|his name|their name|her \w{2,14} is|his \w{2,14} is|she|he|they|it|it's|the|"
    r"set it|make it|no |not |without|tone|title|for (?:kids|children))\b)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^(?:what|who|whose|whom|where|when|why|how|which|is|are|was|were|am|do|does|did|can|could|will|would|should|shall|may|"
    r"might|has|have|had|isn't|aren't|don't|doesn't|won't|can't|what's|who's|where's|how's|tell me|give me|show me|"
    r"suggest|help|explain|describe|surprise)\b",
    re.IGNORECASE,
)
_N = r"(.{1,90})$"
_STORY = r"(?:short story|ghost story|love story|bedtime story|horror story|detective story|fairy ?-?tale|fairytale|story|tale|novel|novella|"
_STORY += r"book|fable|mystery|thriller|romance|noir|saga|epic|adventure|report|scp|legend|comedy|tragedy|sci-?fi)"
_HERO = r"(?:my |the |our )?(?:hero(?:ine)?|protagonist|main character|lead|main person|star)"
_PRONOUN = r"(she|he|they)"


def _p(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_NAME = _p(
    r"^(?:my (?:first |real |full |own |given |last |nick|pen )?name(?:'s| is| will be)(?: now)?|(?:you )?(?:can |may |should |could )?"
    r"(?:just )?call me|i(?:'m| am) (?:called|named)|(?:they|people|friends|my friends|everyone|everybody)(?: all)? "
    r"calls? me|i go by|the name(?:'s| is)|name's|name ?:|me llamo|mi nombre es|je m'appelle|mon nom est|ich hei(?:ß|ss)e|"
    r"mein name ist|mi chiamo|il mio nome è|meu nome é|(?:eu )?me chamo|ik heet|mijn naam is|nazywam się|mam na imię|"
    r"меня зовут|мене звати|我叫|我的名字是|jag heter|jeg heter|minun nimeni on|benim adım|numele meu este|私の名前は) ?"
    + _N
)
_NOT_NAME = _p(
    r"^(?:my name (?:is not|isn't|was never|'s not|is no longer)|i(?:'m| am) not (?:called |named )?|(?:do not|don't|never|stop) "
    r"call(?:ing)? me) ?" + _N
)
_I_AM = _p(r"^(?:i'm|i am|this is|it's me,?|it is me,?|ich bin|je suis|soy|sono|eu sou) " + _N)
_HERE = re.compile(r"^([A-Z][\w'\-]{1,20}) here$")
_AGE = _p(r"^i(?:'m| am)(?: only| just| now)? (\d{1,3})(?: years? old| yrs?)?$")
_FAVOURITE = _p(r"^my favou?rite ([a-z]{2,14}(?: [a-z]{2,14}){0,2}) (?:is|are) (.{1,80})$")
_MINE = _p(r"^my ([a-z]{2,14}(?: [a-z]{2,14})?)(?:'s name is| is called| is named| are called| are named) (.{1,60})$")
_LIVE = _p(r"^i(?: live| am living|'m living|'m| am| come)( in| from| near| by) (.{1,60})$")
_WORK = _p(r"^i(?: work as|'m| am) an? (.{1,60})$")
_LIKE = _p(
    r"^i(?: really| also| just| do| quite| still)? (love|like|enjoy|adore|hate|dislike|don't like|do not like|can't stand|fear|collect) "
    r"(?!it\b|that\b|this\b|the idea\b|the sound\b|you\b|them\b|your\b|to think\b|those\b|the (?:first|second|third|last)\b|him\b|her\b)(.{2,70})$"
)
_HAVE = _p(r"^i have (an? .{2,50}|(?:two|three|four|five|six|some|many) .{2,50})$")
_HAVE_NOT = frozenset("question idea feeling problem headache cold request hunch suggestion bit few lot look plan thought".split())
_MADE_BY = _p(
    r"^(?:(?:i (?:want|would like|need|wish)|i'd like|i'd love|i(?:'m| am) (?:writing|working on|planning|developing|thinking of|thinking about|starting|plotting|outlining|dreaming of)|let's|let us|help me|could you|can you|"
    r"we (?:should|could)|how about|give me|tell me|make me|write me|write|tell|make|create|start|please|to|try|do|have|it's|it is|"
    r"this is|think of|come up with|develop|begin|for|me|us|you|together|new|writing|an?|the|some|another|my|short|long|little|"
    r"very|quite|nice|good|great|funny|sad|dark|scary|spooky|cosy|cozy|warm|gothic|romantic|epic|classic|modern|fantasy|love|ghost|"
    r"horror|noir|crime|bedtime|children's|kids'?|sweet|strange|weird|silly|old|true|real|\d{1,3}|page|pages|word|words|of|science fiction|sci-?fi)[\s,-]{1,3}){1,14}"
    + _STORY + r"s?\b(?: (?:for (?:my |the |a )?(?:kids?|children|son|daughter|friend|child|class|boy|girl)))?"
)
_ABOUT = _p(r"^(?: (?:set|that is|that's|which is|it's|it is))?,?[ :]{1,2}(about|of|on|where|in which|with|between|that|in)\b:? (.{3,290})$")
_IS_ABOUT = _p(r"^(?:it(?:'s| is)|it should be|make it|the story(?:'s| is)|my story is|the (?:plot|premise|idea) is|this is|something|one|write a story)? ?about (?!you\b|me\b|that\b|it\b|time\b|\d|what\b|how\b)(.{2,280})$")
_CHANGED = _p(r"^(?:please )?(?:change|make|set|let) the (ending|end|title|place|setting|villain|antagonist|tone|mood|hero(?:ine)?|protagonist|length)(?: be| to| into|:| is){1,3}:? (.{2,120})$")
_CHANGES = {"end": "ending", "setting": "place", "villain": "foe", "antagonist": "foe", "mood": "tone", "heroine": "hero", "protagonist": "hero", "length": "pages"}
_PREMISE = _p(r"^(?:the |my )?(?:premise|plot|idea|story)(?: is)?(?: that)?(?: this)?:? (?!about\b|set\b|is\b|should\b|in\b|short\b|long\b)(.{6,280})$")
_HERO_IS = _p(r"^" + _HERO + r"(?:'s name)?(?: is| should be| will be| was| could be|'s)?(?: called| named)? ?[:=]? ?(?!is\b)(.{2,110})$")
_IS_HERO = _p(r"^(.{2,60}?)(?: is|'s| should be| will be) (?:my |the |our )(?:hero(?:ine)?|protagonist|main character|lead)$")
_CALLED = _p(r"^(?:(her|his|their|its) (?:first |full |real )?name(?:'s| is| should be| will be)|" + _PRONOUN + r"(?:'s| is| are|'re| should be)(?: called| named)|(?:call|name) (her|him|them)) " + _N)
_NAME_HERO = _p(r"^(?:call|name) " + _HERO + " " + _N)
_PLACE = _p(
    r"^(?:it|the (?:story|tale|whole thing)|my story|everything|this|it all|we|all of it|the action)(?:'s|'re| is| are| should be| will be| would be)? ?(?:all )?"
    r"(?:set|plays?|takes? place|happens?|located|placed|to be set|should take place|should play|should happen|takes us)?,? "
    r"((?:in|on|at|near|under|inside|aboard|by|beneath|beyond|during|between|around|somewhere) .{2,110})$"
)
_SET_IN = _p(r"^(?:set|place|put|let's set|have|let) (?:it|the story|this|them|us)(?: be| play| happen| take place)? ((?:in|on|at|near|under|inside|aboard|by) .{2,110})$")
_SETTING = _p(r"^(?:the )?(?:setting|place|location|scene|where)(?: is| should be| will be)?:? (?!is\b)(.{2,110})$")
_FOE = _p(
    r"^(?:the |my |her |his |their |our )?(?:main |big )?(?:villain|antagonist|enemy|bad guy|baddie|baddy|rival|obstacle|problem|conflict|foe|nemesis|threat|danger|trouble)"
    r"(?:'s name)?(?: of the story)?(?: is| should be| will be| was|'s)?(?: called| named| that)? ?[:=]? ?(?!is\b|with\b|here\b)(.{2,120})$"
)
_AGAINST = _p(
    r"^(?:against (?:her|him|them|the hero(?:ine)?|[a-z]\w{1,20}) (?:stands|stand|is|are)|what (?:stands|is|'s) (?:against|in) .{2,30}?|(?:she|he|they|[A-Z]\w{1,20}) (?:fights?|is up against|are up against|must defeat|must beat|has to defeat|"
    r"faces?|is hunted by|is fighting|is threatened by|must get past|has to fight|have to fight)) (?:is |against )?(.{2,120})$"
)
_STANDS = _p(r"^(.{2,80}?) (?:stands?|is|are) (?:against|in) (?:her|him|them)(?: way)?$")
_WANT = _p(
    r"^(?:she|he|they|the (?!writer|reader)[a-z]{2,16}(?: [a-z]{2,16})?|[A-Z][\w'\-]{1,20}) (?:only |just |really |desperately |secretly )?(?:wants?|needs?|hopes?|longs?|dreams?|wishes|yearns?|is looking|seeks?) "
    r"((?:to|for|of|after|a|an|the|her|his|their|nothing|revenge|only|out|back|home|that)\b.{1,110})$"
)
_GOAL = _p(r"^(?:her|his|their) (?:goal|aim|wish|dream|desire|motive|motivation) is (.{2,110})$")
_TONE = _p(
    r"^(?:(?:please )?(?:make|keep|write) (?:it|this|the story|the tone|everything)|(?:it|the (?:tone|mood|story|feeling|style|ending|atmosphere|whole thing))(?:'s| is| should| must| has to| ought to| will)?"
    r"(?: be| feel| sound| read| like| have)?|(?:tone|mood|style|feel|feeling|atmosphere) ?:|i(?: want|'d like) it(?: to be| to feel)?)(?: more| a bit| a little| very| really| rather| quite| fairly| all| like)* "
    r"(.{3,80})$"
)
_PAGES = _p(r"(?<![\d.,])(\d{1,5}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|a dozen)[ -](?:full |short |long |more )?(pages?|words)\b")
_LENGTH = _p(r"^(?:(?:make|keep) it|it should be|i want it|nice and|rather|quite|very|really|just|as|please|something|a|pretty|fairly|on the|and|one|be|the| )*(short|long|brief|tiny|medium|novel-length|epic|shorter|longer|small)(?: one| story| side| tale| as possible| please|,| )*$")
_ENDING = _p(r"^(?:it|the story|everything|it all)(?:'ll| will| should| must)? (?:ends?|finish(?:es)?|closes?)(?: up)? ((?:with|when|in|on|badly|well|happily|sadly|where|as|by)\b.{0,110})$")
_ENDING_IS = _p(r"^(?:the |its )?ending(?: is| should be| must be| will be)?:? (?!is\b)(.{3,110})$")
_END_KIND = _p(r"^(?:and |with |please |i want |it needs |it has |give it |i'd like )*(?:a |an )?((?:very )?(?:happy|sad|open|bittersweet|tragic|surprising|surprise|quiet|good|bad|hopeful|twist) end(?:ing)?)$")
_TITLE = _p(
    r"^(?:(?:the |its |my )?title(?: is| should be| will be|:)|call (?:it|the story|this|the book)|title it|name (?:it|the story)|"
    r"(?:the story|it)(?:'s| is| should be) (?:called|titled)) (.{2,80})$"
)
_WISH = _p(
    r"^(?:(?:please |but |and |also |just |with )*(?:no|without|don't use|do not use|avoid|not too much|nothing with|leave out|never use)"
    r" (?!idea|clue|problem|worries|need|way|thanks|thank|one|it|that|you|more|i\b|he\b|she\b|they\b|not\b|wait\b|doubt|matter|reason|name|kidding|comment|because|please|actually|sorry|the\b|my\b|her\b|his\b).{2,60}"
    r"|(?:please |but |and |also |tell it |write it |it's |it is |make it |i want it |told |in )*(?:in )?the (?:first|second|third) person(?: .{1,40})?"
    r"|(?:please |but |and |also |it's |it is |make it |suitable |write it |this is )*for (?:kids|children|adults|young readers|teenagers|my (?:daughter|son|kids|children|mother|father|wife|husband|friend|niece|nephew|grand\w{2,10})|an? .{2,14} year old)(?: .{1,40})?)$"
)
_PERSON = re.compile(
    r"^([A-Z][\w'\-]{1,20}(?: [A-Z][\w'\-]{1,20}){0,2})(?: is|'s|, who is|,) ((?:her|his|their|the|an?|[A-Z][\w'\-]{1,20}'s) [A-Za-z'\- ]{2,60})$"
)
_KIN = re.compile(
    r"^(?:(?:with|and|also|there is|there's|she has|he has|they have) )?(?:(her|his|their|the|an?)) ([a-z][a-z'\-]{2,16}(?: [a-z][a-z'\-]{2,16})?)(?:'s name is|,? (?:is |who is |are )?(?:called|named)|'s called) (.{2,50})$",
    re.IGNORECASE,
)
_OF_KIN = re.compile(r"^([Hh]er|[Hh]is|[Tt]heir|[Tt]he) ([a-z][a-z'\-]{2,16}(?: [a-z][a-z'\-]{2,16})?) ([A-Z][\w'\-]{1,20})(?:,? (?:is|was|who is),? ((?:an?|the|her|his|their) .{2,90})|$)")
_KEEP = _p(r"^(?:please )?(?:remember|note|keep in mind|don't forget|do not forget|never forget|make a note|write down|take note|bear in mind|for the bible|add to the bible|put (?:it )?in the bible)(?: down| of this| this| that|,|:)* (?!me\b|my name\b|when\b|it$|that$|this$|to me\b|i'm\b|what\b)(.{3,290})$")


@lru_cache(maxsize=1024)
def facts(glimpsed: str) -> tuple[Fact, ...]:
    """What a message tells, in its order, at most MOST facts. Takes what `words.glimpse` gave."""
    found: list[Fact] = []
    for sentence in words.sentences(glimpsed):
        asks = "?" in sentence[-2:]
        requested = _REQUEST.match(_LEAD.sub("", sentence)) if asks else None
        if requested:
            asked = _LEAD.sub("", sentence)[requested.end() :].strip(" ?.!")
            found += _story_of(sentence) or _changed(asked) or _telling_of(asked)
        elif told := _before_question(sentence) if asks else sentence:
            found += _of_sentence(told)
    return tuple(dict.fromkeys(found))[:MOST]


_REQUEST = _p(r"^(?:(?:can|could|would|will|may|shall|should) (?:you|we|i)|how about|what about|do you want to|why don't (?:we|you))\b")


def _before_question(sentence: str) -> str:
    """What is told before the question in one sentence: `my name is Bob, what's yours?`"""
    parts = re.split(r",\s+(?=(?:what|who|where|how|when|why|and you|can|could|do|is|are)\b)", sentence, maxsplit=1)
    return parts[0] if len(parts) > 1 else ""


def kept(sentence: str) -> str:
    """What `remember that …` and `note: …` ask to be kept; empty for other sentences."""
    told = _KEEP.match(_LEAD.sub("", " ".join(sentence.split())) if not _KEEP.match(sentence) else " ".join(sentence.split()))
    return words.bare(told[1], 200) if told and not sentence.rstrip().endswith("?") else ""


def _of_sentence(sentence: str) -> list[Fact]:
    note = kept(sentence)
    if note:
        return [Fact("kept", note), *_of_clauses(note)]
    whole = _story_of(sentence)
    return whole or _of_clauses(sentence)


def _of_clauses(sentence: str) -> list[Fact]:
    supposed = _SUPPOSED.match(sentence) is not None
    unspoken = sentence if _NAME.match(_LEAD.sub("", sentence)) else _SPOKEN.sub(" ", sentence)
    found: list[Fact] = []
    for part in [] if supposed else _JOINT.split(unspoken)[:8]:
        whole = " ".join(part.split()).strip(" .!?,;:…")
        clause = _LEAD.sub("", whole).strip(" ,") or whole
        if wished := _WISH.match(whole):
            found.append(Fact("wish", words.bare(wished[0], 80)))
        elif clause and (refused := _refused(clause)):
            found.append(refused)
        elif found and found[-1].key == "not name" and (named := _INSTEAD.match(clause)):
            found += [Fact("name", name)] if (name := names.name_in(named[1])) else []
        elif clause and not _ASKS.match(clause):
            found += _of_writer(clause) or _story_of(clause) or _of_story(clause)
    return found


_INSTEAD = _p(r"^(?:but |it's |it is |i'm |call me |just ){1,3}(.{1,60})$")


def _refused(clause: str) -> Fact | None:
    told = _NOT_NAME.match(clause)
    tail = told[1] if told else ""
    if told is None and (named := _NAME.match(clause)) and named[1].lower().startswith("not "):
        tail = named[1][4:]
    name = names.name_in(tail, clause.isupper())
    return Fact("not name", name) if name else None


def _of_writer(clause: str) -> list[Fact]:
    if named := _NAME.match(clause):
        name = names.name_in(named[1], clause.isupper())
        return [Fact("name", name)] if name else []
    if aged := _AGE.match(clause):
        return [Fact("about", f"age: {aged[1]}")]
    if (here := _HERE.match(clause)) and names.self_named(here[1]):
        return [Fact("name", names.self_named(here[1]))]
    if (said := _I_AM.match(clause)) and (name := names.self_named(said[1])):
        return [Fact("name", name)]
    return _of_life(clause)


def _of_life(clause: str) -> list[Fact]:
    if liked := _FAVOURITE.match(clause):
        return [Fact("about", f"favourite {liked[1].lower()}: {words.bare(liked[2], 80)}")]
    if mine := _MINE.match(clause):
        if mine[1].lower() in _OF_STORY:
            return []
        name = names.name_in(mine[2]) or words.bare(mine[2], 60)
        return [Fact("about", f"{mine[1].lower()}: {name}")]
    if lives := _LIVE.match(clause):
        place = words.bare(lives[2], 60)
        away = lives[1].strip() == "in" and clause.lower().startswith(("i'm in", "i am in"))
        if away and place.split()[0].lower() in ("love", "a", "the", "trouble", "bed", "need", "charge", "doubt", "my"):
            return []
        return [Fact("about", f"{'from' if lives[1].strip() == 'from' else 'home'}: {place}")] if place else []
    if (works := _WORK.match(clause)) and figures.is_person(words.bare(works[1]).split(" who ")[0].split(" in ")[0] or "x"):
        return [Fact("about", f"trade: {words.bare(works[1], 60)}")]
    if likes := _LIKE.match(clause):
        kind = "likes" if likes[1].lower() in ("love", "like", "enjoy", "adore", "collect") else "dislikes"
        return [Fact("about", f"{kind}: {words.bare(likes[2], 70)}")]
    if (has := _HAVE.match(clause)) and not set(has[1].lower().split()) & _HAVE_NOT:
        return [Fact("about", f"has: {words.bare(has[1], 60)}")]
    return []


_OF_STORY = frozenset("hero heroine protagonist villain antagonist story title lead tale book novel character town".split())


_STORYISH = _p(r"stor(?:y|ies)|tale|about|premise|plot|idea|novel|book|fable|mystery|thriller|romance|noir|saga|epic|adventure|report|scp|legend|comedy|tragedy|sci-?fi")
"""Without one of these no sentence asks for a story."""
_ONLY = _p(r"(?:(?:a|the|one|some|new|another|yes|ok|please|hi|hello|just|short|long)[ ,]{1,2}){0,4}(?:story|stories|tale|a book)(?: time)?(?:,? please)?")


def _story_of(sentence: str) -> list[Fact]:
    """What a sentence tells that asks for a story or says what it is about."""
    if not _STORYISH.search(sentence):
        return []
    line = " ".join(sentence.split()).strip(" .!?…")
    if _ONLY.fullmatch(line):
        return [Fact("wanted", "a story")]
    bare = _LEAD.sub("", line).strip() or line
    made = _MADE_BY.match(bare) or _MADE_BY.match(line)
    found: list[Fact] = []
    about = ""
    if made:
        rest = (bare if _MADE_BY.match(bare) else line)[made.end() :]
        told = _ABOUT.match(rest)
        if not _WANTS.search(made[0]):
            return []
        found += _shape(made[0])
        if told:
            about = f"in {told[2]}" if told[1].lower() == "in" else told[2]
            if told[1].lower() == "in" or (told[1].lower() == "on" and "set" in rest[:6]):
                return [*found, Fact("place", words.bare(f"{told[1].lower()} {told[2]}", LONGEST))]
        elif not found and not re.search(r"\b(?:story|tale|book|novel)\b", made[0], re.IGNORECASE):
            return []
        found = found or [Fact("wanted", "a story")]
    elif told := _IS_ABOUT.match(bare) or _PREMISE.match(bare):
        about = told[1]
    if about:
        return [*found, *premise(about)]
    return found


_WANTS = _p(r"\b(?:want|like|love|need|wish|writ\w{1,4}|tell|make|create|let|let's|help|give|working|planning|develop\w{0,3}|thinking|starting|plotting|outlining|dreaming|could|can|start|begin|an?|some|another|how about|think|come up)\b")


def premise(text: str) -> list[Fact]:
    """What the story is about, and whom of it one can tell by their words."""
    about = words.bare(text, 240)
    wished = _FOR.search(about)
    about = about[: wished.start()] if wished else about
    if not about or about.lower() in ("it", "that", "this", "me", "you", "something", "anything", "what"):
        return []
    wish = [Fact("wish", wished[1])] if wished else []
    return [Fact("premise", about), *who(about, narrow=False), *_shape(about), *wish]


_FOR = _p(r",? (for (?:my|our|the|a) (?:\w{1,14} year old )?(?:son|daughter|kids?|child|children|niece|nephew|grand\w{2,10}|mother|father|wife|husband|friend|class)\b.{0,30})$")


_ROLE = re.compile(
    r"^((?:an?|the|my|her|his|two|three|some) [^,.;]{2,60}?)(?:,)? (?:called|named|by the name of) ([^,.;]{1,50}?)(?=,|$| (?:who|whose|that|which|and|in|on|at|from|with|finds?|is|has|lives?|discovers?|wants?|must)\b)",
    re.IGNORECASE,
)
_APPOSED = re.compile(r"^([^\W\d_a-z][\w'\-]{0,30}(?: [^\W\d_a-z][\w'\-]{0,30}){0,3})(?:,| -|:| is| \() ?((?:an?|the|my|our) [^,.;()]{2,60})")
_BARE_ROLE = re.compile(r"^(?:an?|the|my|our|this) ([^,.;:]{2,60}?)(?=,|$| (?:who|whose|that|which|in|on|at|from|with|and|finds?|is|has|lives?|discovers?|wants?|must)\b)", re.IGNORECASE)
_SUBJECT = re.compile(r"^([^\W\d_a-z][\w'\-]{1,30})(?: [a-z]{2,16}(?:s|ed)?\b)")


def who(text: str, narrow: bool = True) -> list[Fact]:
    """Hero and role out of words for somebody: a name, a role, or both. With `narrow` the words are all about them."""
    text = text.strip(" .!?\"'")
    if both := _ROLE.match(text):
        name = names.name_in(both[2])
        role = words.bare(re.sub(r"^(?:an?|the|my) ", "", both[1], flags=re.IGNORECASE), 60)
        return [*([Fact("hero", name)] if name else []), Fact("role", role)]
    if (said := _APPOSED.match(text)) and figures.is_person(said[2].split(" who ")[0].split(" in ")[0].split(" with ")[0].split(" from ")[0]):
        name = names.name_in(said[1])
        role = words.bare(re.split(r",? (?:who|whose|that|which) ", re.sub(r"^(?:an?|the|my|our) ", "", said[2], flags=re.IGNORECASE))[0], 60)
        return [*([Fact("hero", name)] if name else []), Fact("role", role)]
    if told := _BARE_ROLE.match(text):
        head = told[1].split()[-1]
        animal = head.lower() in lx.ANIMALS
        if narrow or animal or figures.is_person(head):
            return [Fact("role", words.bare(told[1], 60))]
        return _figure(text)
    first = text.split()[0] if text.split() else ""
    if narrow and len(text.split()) == 1 and first.islower() and not names.is_known(first):
        return [Fact("role", words.bare(text, 60))] if re.fullmatch(r"[^\W\d_]{3,20}", first) else []
    if narrow and (name := names.name_in(text)) and len(text.split()) <= 5:
        return [Fact("hero", name)]
    if narrow and first[:1].islower() and len(text.split()) <= 6:
        return [Fact("role", words.bare(text, 60))]
    if (subject := _SUBJECT.match(text)) and names.is_known(subject[1]):
        return [Fact("hero", subject[1])]
    if not narrow and 0 < len(text.split()) <= 2 and names.is_known(first) and first[0].isupper():
        return [Fact("hero", names.cleaned(text))]
    return _figure(text)


def _figure(text: str) -> list[Fact]:
    """Whom the storyteller's own reading of people finds before anybody else."""
    living = [one for one in figures.find(text[:300]) if not one.gone and not one.many]
    lead = next((one for one in living if one.name), None) or next((one for one in living if not one.owned), None)
    if lead is None:
        return []
    found = [Fact("hero", names.cleaned(lead.name))] if lead.name and names.cleaned(lead.name) else []
    return [*found, *([Fact("role", lead.role)] if lead.role and len(lead.role) < 60 else [])]


_KINDS = (
    ("fairy-tale", re.compile(r"\b(?:fairy ?-?tales?|fairytales?|bedtime|fable|once upon a time|folk ?tale)\b", re.IGNORECASE)),
    ("noir", re.compile(r"\b(?:noir|detective stor(?:y|ies)|hard-?boiled|crime stor(?:y|ies)|private eye|gumshoe|murder mystery|whodunit)\b", re.IGNORECASE)),
    ("horror", re.compile(r"\b(?:horror|ghost stor(?:y|ies)|scary stor(?:y|ies)|spooky|haunted house|terrifying|creepy stor(?:y|ies))\b", re.IGNORECASE)),
    ("science-fiction", re.compile(r"\b(?:science[ -]fiction|sci-?fi|space opera|spaceship|starship|space station|cyberpunk)\b", re.IGNORECASE)),
    ("scp", re.compile(r"\b(?:scp|containment report|scp report)\b", re.IGNORECASE)),
    ("short-story", re.compile(r"\bshort[ -]stor(?:y|ies)\b", re.IGNORECASE)),
)
_NO = re.compile(r"\b(?:no|not|don't want|without|isn't|never|hate)\s{1,3}(?:an? |any |more |like |so |too |be |really ){0,3}$", re.IGNORECASE)


def kind_of(text: str) -> str:
    """The template that words for a kind of story stand for; empty where there are none, or it is not wanted."""
    for kind, pattern in _KINDS:
        told = pattern.search(text)
        if told and not _NO.search(text[max(0, told.start() - 30) : told.start()]):
            return kind
    return ""


_TONES = frozenset(
    "grand majestic sweeping tragicomic bitter mythic wry elegiac solemn feverish dreamlike fast-paced dark funny sad warm cold cosy cozy scary spooky creepy eerie grim bleak hopeful gentle tender melancholy melancholic tragic "
    "comic silly playful whimsical light lighthearted light-hearted serious tense romantic epic strange weird dreamy quiet slow "
    "fast gritty gothic bittersweet uplifting sweet magical mysterious suspenseful sombre somber dry witty absurd surreal "
    "heartwarming exciting thrilling peaceful lonely nostalgic wistful brutal violent cheerful happy joyful angry calm haunting "
    "unsettling moody poetic lyrical cruel kind hilarious humorous darker funnier sadder warmer scarier colder lighter stranger "
    "weirder happier gentler slower melancholically adventurous heroic intimate raw satirical ironic atmospheric".split()
)


def tone_of(text: str) -> str:
    """The words for how it should feel, where they are nothing else: `dark but hopeful`."""
    told = words.bare(re.sub(r",? ?(?:and )?(?:about|around)?\s{0,3}$", "", _PAGES.sub("", text).strip(" ,.")), 80)
    plain = re.findall(r"[a-z][a-z\-]*", told.lower())
    known = [word for word in plain if word in _TONES]
    most = [word for word in plain if word not in _FILL]
    if not known or len(plain) > 9:
        return ""
    return re.sub(r"^(?:make it|it should be|it should feel|like) ", "", told, flags=re.IGNORECASE) if len(known) * 2 >= len(most) else ""


_FILL = frozenset(
    "and but or a an the very quite rather bit little too not more less with of at in it be should feel like so really please "
    "somewhat also yet then first end tone mood dark story tale for by".split()
)
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "a dozen": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
}  # fmt: skip
MOST_PAGES = 100
_LENGTHS = {"short": 2, "brief": 2, "tiny": 1, "shorter": 2, "small": 2, "medium": 5, "long": 12, "longer": 12, "epic": 30, "novel-length": 60}
WORDS_OF_PAGE = 300


def pages_of(text: str) -> str:
    """A length in pages, 1 to MOST_PAGES, as a numeral; empty where none is told."""
    if told := _PAGES.search(text):
        count = _NUMBERS.get(told[1].lower()) or int(told[1] if told[1].isdigit() else 0)
        if told[2].lower() == "words":
            if count < 50:
                return ""
            count = round(count / WORDS_OF_PAGE)
        return str(max(1, min(MOST_PAGES, count)))
    if told := _LENGTH.match(text.strip(" .!?")):
        return str(_LENGTHS[told[1].lower()])
    return ""


def _shape(text: str) -> list[Fact]:
    """Kind, length and tone in the words that ask for a story."""
    found = [Fact("kind", kind)] if (kind := kind_of(text)) else []
    if pages := pages_of(text):
        found.append(Fact("pages", pages))
    elif re.search(r"\b(?:very )?(?:short|brief|tiny) (?:\w{2,12} )?(?:tale|fairy|one)\b", text, re.IGNORECASE):
        found.append(Fact("pages", "2"))
    if re.search(r"\bfantasy\b", text, re.IGNORECASE):
        found.append(Fact("wish", "a fantasy"))
    if len(text) < 120:
        asked = [word for word in re.findall(r"[a-z\-]+", text.lower()) if word in _TONES and word != "epic"]
        found += [Fact("tone", " and ".join(dict.fromkeys(asked)))] if asked else []
    return found


def _of_story(clause: str) -> list[Fact]:
    for read in (_changed, _people, _setting, _conflict, _telling_of):
        if found := read(clause):
            return found
    return []


def _changed(clause: str) -> list[Fact]:
    """`change the ending to …`."""
    told = _CHANGED.match(clause)
    if told is None:
        return []
    key = _CHANGES.get(told[1].lower(), told[1].lower())
    if key == "hero":
        return who(told[2])
    value = pages_of(told[2]) if key == "pages" else words.bare(told[2], LONGEST)
    return [Fact(key, value)] if value else []


def _people(clause: str) -> list[Fact]:
    if told := _CALLED.match(clause):
        word = (told[1] or told[2] or told[3]).lower()
        tail = told[4]
        if word == "its" or tail.lower().startswith("not "):
            return []
        name = names.name_in(tail)
        return [Fact("called", f"{_PRONOUNS.get(word, word)} {name}")] if name else []
    if told := _NAME_HERO.match(clause) or _IS_HERO.match(clause) or _HERO_IS.match(clause):
        if re.match(r"(?:not|in|on|at|very|a bit|too|wants?|needs?|must|has|lives?|finds?|dies|goes|called)\b", told[1], re.IGNORECASE):
            return []
        return who(told[1])
    if told := _OF_KIN.match(clause):
        more = words.bare(told[4] or "", 70)
        what = f"{told[1].lower()} {told[2]}{f', {more}' if more else ''}"
        return [Fact("person", f"{told[3]}: {what}")] if told[2].lower() not in _OF_STORY and figures.is_person(told[2]) else []
    if told := _KIN.match(clause):
        name = names.name_in(told[3])
        if told[1].lower() in ("a", "an", "the") and len(name) + 3 < len(told[3].strip(" .!\"'")):
            return []
        role = told[2] if told[1].lower() in ("a", "an") else f"{told[1].lower()} {told[2]}"
        if told[2].lower() in _OF_STORY or told[2].lower() in ("name", "story", "ship", "place", "ending"):
            return []
        return [Fact("person", f"{name}: {words.bare(role, 60)}")] if name else []
    if told := _PERSON.match(clause):
        role = words.bare(told[2], 60)
        head = role.split(" who ")[0].split(" in ")[0].split(" of ")[0].split(" with ")[0].split()
        if head and (figures.is_person(head[-1]) or head[-1].lower() in lx.ANIMALS):
            return [Fact("person", f"{names.cleaned(told[1])}: {role}")]
    return []


_PRONOUNS = {"her": "she", "his": "he", "him": "he", "their": "they", "them": "they"}
_NOWHERE = re.compile(r"^(?:in|on|at|by|near|under) (?:my|your|the (?:end|beginning|start|middle|first|second|third|way|card|bible)|love|fact|general|danger|trouble|time|all|last|least|first|present|\w{2,12} tense|\w{2,12} person|a way|a bit|order|return|english|french|spanish|german|it|that|this)\b", re.IGNORECASE)


def _setting(clause: str) -> list[Fact]:
    told = _SET_IN.match(clause) or _PLACE.match(clause) or _SETTING.match(clause)
    if told and not _NOWHERE.match(told[1]) and not re.match(r"(?:not|is|was|called|very|too|a bit)\b", told[1], re.IGNORECASE):
        return [Fact("place", words.bare(told[1], LONGEST))]
    return []


def _conflict(clause: str) -> list[Fact]:
    told = _FOE.match(clause) or _AGAINST.match(clause) or _STANDS.match(clause)
    if told and not re.match(r"(?:not|in|very|too|a bit|solved|gone)\b", told[1], re.IGNORECASE):
        return [Fact("foe", words.bare(told[1], LONGEST))]
    if told := _WANT.match(clause) or _GOAL.match(clause):
        return [Fact("want", words.bare(told[1], LONGEST))]
    return []


def _telling_of(clause: str) -> list[Fact]:
    if told := _END_KIND.match(clause) or _ENDING.match(clause) or _ENDING_IS.match(clause):
        return [Fact("ending", words.bare(told[1], LONGEST))]
    if told := _TITLE.match(clause):
        title = words.bare(told[1], 80)
        return [Fact("title", title)] if title.lower() not in ("a day", "off", "quits", "it", "what", "me") else []
    found = [Fact("pages", pages)] if (pages := pages_of(clause)) and len(clause) < 80 else []
    if (kind := kind_of(clause)) and len(clause) < 70:
        found.append(Fact("kind", kind))
    if (told := _TONE.match(clause)) and (tone := tone_of(told[1])):
        found.append(Fact("tone", tone))
    return found
