"""What models say round a story, language by language: a table of patterns. Data.

Each pattern is matched from the beginning of a sentence in small letters, whose apostrophes are straight, after words of
assent where the language has them before it ("Sure! ", "Gerne, "). `…` stands for up to GAP characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GAP: Final = 90


@dataclass(frozen=True, slots=True)
class Wordings:
    """One language. `assent`: words with which a model says yes. `opens`: sentences that announce a text or promise it,
    and are no story. `chat`: what may stand beside such a sentence and means nothing alone. `labels`: a line of its own
    that only names what follows. `closes`: sentences after a story that speak of it or offer more. `hopes`: such as
    a letter may end with, too. `asks`: questions back, for what a story needs. `refuses`: that it won't be written. `you`:
    words that speak to somebody."""

    assent: str
    opens: tuple[str, ...]
    chat: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    hopes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    you: str = ""


_EN_HERE = (
    r"(?:as (?:requested|you (?:asked|requested|wished)),? )?(?:here(?:'s| is| are| comes| follows|,? you(?:'ll| will) find)"
    r"|below (?:is|are|follows|,?you(?:'ll| will) find|you(?:'ll| will) find)|the following is|you(?:'ll| will) find below)\b"
)
_EN_WORK = (
    r"\b(?:sections?|draft|revis(?:ed|ion)s?|rewrit\w{1,6}|rework\w{1,6}|polished|edited|updated|continuation|next (?:part|scene|chapter)"
    r"|your (?:story|prompt|request|text|notes|scene|chapter)|you (?:asked|requested|wanted)|my (?:take|attempt|version|revision) (?:on|at|of)"
    r"|word (?:budget|count|limit)|\d{2,5}[ -]words?|brainstorm\w{0,6})\b"
)
_EN_TALE = (
    r"(?:story|scene|chapter|text|passage|version|tale|piece|ideas|excerpt|narrative|part)(?: (?:\d{1,4}|one|two|three))?"
)
_EN_OURS = (
    r"\b(?:section|story|scene|chapter|draft|passage|tale|revision|continuation|version|narrative|beats?|word (?:count|budget|limit))\b"
)
_EN_CHANGES = (
    r"\b(?:changes?|adjust\w{0,6}|revis\w{1,6}|edits?|edited|tweak\w{0,4}|modif\w{1,9}|changed|continu\w{1,4}|expand\w{0,4}|rewrit\w{1,4}"
    r"|anything else|any(?:thing)? (?:more|further|other|to (?:change|adjust|revise|add))|more of|see more|another|different|section|story|draft"
    r"|version|tone|pacing|style|scene|chapter|improve\w{0,6}|refine\w{0,6}|feedback)\b"
)
_EN_CRAFT = (
    r"\b(?:sections?|tone|pacing|notes|story|voice|draft|prose|word (?:count|budget|limit)|budget|beats|phrases|narrative|bible|plot"
    r"|dialogue|imagery|rhythm|outline|prompt|instructions|guidelines|requested)\b"
)
_EN_NEEDS = (
    r"\b(?:more (?:about|details?|information|context|on)|(?:main )?character|protagonist|hero|tone|genre|text|section|plot|story|setting"
    r"|length|draft|passage|specifics|details|information|premise|prompt)\b"
)
_EN_NOT = r"(?:can(?:'t|not| not)|won't|will not|(?:unable|not able) to|not (?:comfortable|willing)|must decline)"
_EN_DO = (
    r"(?:help(?! but)|assist|writ|creat|continu|provid|compl|fulfil|generat|engag|produc|do that|with (?:that|this)|discuss)"
)

ENGLISH = Wordings(
    assent=r"sure(?: thing)?|certainly|absolutely|of course|okay|ok|alright|all right|great|got it|understood|no problem|gladly|definitely"
    r"|very well|i understand|i see|with pleasure|happy to(?: help)?|perfect|wonderful|yes|i appreciate the request|i'd (?:love|be happy) to(?: help)?",
    opens=(
        _EN_HERE + "…" + _EN_WORK,
        _EN_HERE + r" (?:the|a|your|an) (?:\w{1,20} ){0,3}" + _EN_TALE + r"(?: (?:for you|below))?[:.!]$",
        _EN_HERE + r" (?:the|a|your|an) (?:\w{1,20} ){0,3}" + _EN_TALE
        + r" (?:about|based on|set in|in which|featuring)\b(?![^\n]{0,120}\b(?:i|my|me|our|us|he|we|his)\b)[^\n]{0,120}[:]$",
        r"(?:now )?(?:i'll|i will|let me|i'm going to|i am going to|let's)(?: now| next)? (?:write|continue|revise|rewrite|polish|draft"
        r"|begin|start|craft|create|proceed|go on|pick up)…" + _EN_OURS,
        r"(?:i've|i have)(?: now| carefully)? (?:revised|rewritten|polished|drafted|edited|updated|tightened|reworked|written)…"
        r"\b(?:section|story|scene|draft|passage|text|chapter|accordingly|based on your|following your|according to your)\b",
        r"(?:a|an|the|my) (?:\w{1,20} ){0,3}(?:continuation|revision|draft|rewrite|reworking|version) of …\b(?:story|section|scene|chapter|tale|passage)\b…:$",
        r"i(?:'d| would) be (?:happy|glad|delighted) to (?:write|continue|revise|polish|rewrite|create) …" + _EN_OURS,
        r"(?:sure(?: thing)?|certainly|absolutely|of course|okay|ok|alright|great|got it)[ ,.!—–-]{1,4}here (?:it is|we go|you go)[:.!]$",
    ),
    chat=(
        r"here (?:it is|you go|we go)[:.!]?$",
        r"i(?:'d| would) (?:be (?:happy|glad|delighted)|love) to (?:help|assist|write this|do (?:that|this))\b",
        r"thank(?:s| you) for (?:the|your|this|these|sharing)…\b(?:notes|feedback|prompt|request|details|instructions|guidance|section)\b",
        r"(?:what a|that's a|this is a) …\b(?:prompt|premise|idea|concept)\b",
        r"i(?:'ve| have) (?:kept|tried|made|aimed|focused|ensured)…" + _EN_CRAFT,
        r"i hope (?:you (?:like|enjoy) it|this (?:works|helps|fits))\b",
    ),
    labels=(
        r"(?:the |my )?(?:(?:revised|final|polished|rewritten|edited|updated|new|complete|full|next|improved) ){0,2}"
        r"(?:story|section|version|draft|text|passage|scene|revision|continuation|prose)(?: \d{1,4}| (?:two|three))?(?: of \d{1,4})?"
        r"(?:,? \(?(?:revised|final|polished|rewritten|edited|updated|complete|continued)\)?)?(?: (?:text|version|draft))?",
    ),
    closes=(
        r"(?:please |just |so )?let me know (?:if|whether|what|how|which|should|your)…" + _EN_CHANGES,
        r"(?:would you like|do you want|would you prefer|should i|shall i|want me)(?: for)?(?: me to| i)? (?:continu\w{1,4}|proceed|revise|write|go on with"
        r"|expand|adjust|change any|make (?:any|it|the|further)|rewrite|add (?:more|another))",
        r"would you (?:like|prefer) (?:a|an|the|any|more|another|to see)…" + _EN_CHANGES,
        r"feel free to (?:ask|let me|request|suggest|tell me|reach out|share|provide|modify|adjust|edit)",
        r"(?:i )?hope (?:this|that|the|it|you)…\b(?:section|story|version|draft|revision|chapter|scene|expectations|requirements|request|looking for|vision)\b",
        r"if you(?:'d| would|'ve| have)?(?: like| want| need| prefer)?…(?:\b(?:i can|i could|i'll|i'm happy|let me know|i'd be)\b…" + _EN_CHANGES
        + r"|" + _EN_CHANGES + r"…\b(?:let me know|just (?:ask|say)|tell me)\b)",
        r"(?:approximate |estimated |total |final )?word[ -]?count ?(?:is )?[:=~≈-] ?…\d",
        r"(?:approximate |estimated |total |final )word[ -]?count",
        r"(?:total )?(?:words|length) ?: ?~?\d{1,6}(?: words)?$",
        r"(?:approximately|approx\.?|about|around|roughly|~|≈)? ?\d{1,3}(?:[,.]?\d{3})? words\.?$",
        r"this (?:section|draft|version|revision|chapter|passage|scene|rewrite) (?:keeps|maintains|stays|is (?:approximately|about|around|roughly|now)"
        r"|runs|contains|ends|follows|continues|picks up|incorporates|preserves|aims|comes|should|sets up|has (?:been|about|approximately))",
        r"(?:the|your) (?:section|draft|revision|passage) (?:ends|is|keeps|stays|now|runs|has|remains|comes)…\b(?:as (?:requested|you asked)|word|the next (?:one|section)|budget|requested)\b",
        r"(?:please )?note(?::| that) i(?:'ve| have)? (?:kept|tried|made|avoid\w{0,3}|left|chang\w{1,4}|remov\w{1,4}|add\w{0,4}|aim\w{0,4}|follow\w{0,4}|adjust\w{0,4})",
        r"i(?:'ve| have)? (?:tried|made sure|ensured|aimed|maintained|tightened|adjusted|focused|avoided|incorporated|followed|revised|kept"
        r"|preserved|removed|polished|included)\b…" + _EN_CRAFT,
        r"(?:end|conclusion) of (?:section|chapter|part|beat|draft|excerpt|scene)(?: (?:\d{1,4}|one|two|three))?(?: of \d{1,4})?[.]?$",
        r"end (?:section|chapter|draft|beat)(?: \d{1,4})?(?: of \d{1,4})?$",
        r"to be continued (?:in|with) (?:the next )?(?:section|chapter|part)",
        r"thank(?:s| you) for (?:the|your|this) …\b(?:prompt|request|instructions|feedback|notes)\b",
        r"i(?:'m| am|'d be| would be) (?:excited|happy|glad|curious|eager|ready|delighted|available) to (?:hear|revise|adjust|continue|make|help|refine|edit|provide|write)",
        r"is there (?:anything|something)(?: else)? (?:you(?:'d| would) like|you want|that you)…(?:me to|" + _EN_CHANGES + r")",
        r"(?:just )?say the word and i",
        r"i (?:can|could) also …" + _EN_CHANGES,
        r"(?:key |main |summary of (?:the )?)?(?:changes|revisions|edits|improvements|notes)(?: (?:made|on the (?:revision|changes|text|draft)|about the changes|applied))?:$",
    ),
    hopes=(
        r"(?:i )?hope (?:this|that|it) (?:helps|works|fits)(?: you)?[.!]$",
        r"let me know what you think[.!]$",
        r"(?:shall|should) i (?:go on|continue)[?]$",
        r"(?:i )?hope you (?:enjoy(?:ed)?|like(?:d)?) (?:it|this|the story)[.!]$",
        r"enjoy[.!]$",
        r"to be continued[. ]{0,4}$",
    ),
    asks=(
        r"(?:before (?:i|we) (?:begin|start|write|proceed|continue)[,:] )?(?:could|can|would|will) you (?:please |kindly |perhaps )?(?:tell|share|provide"
        r"|give|clarify|specify|paste|send|describe|let me know|elaborate)…" + _EN_NEEDS,
        r"(?:please|kindly) (?:share|provide|paste|send|specify|clarify|tell me)…" + _EN_NEEDS,
        r"(?:to …)?i(?:'ll| will|'d| would)? need (?:a (?:bit|little|few) )?(?:more|some|the|further|additional)…" + _EN_NEEDS,
        r"(?:before (?:i|we) (?:begin|start|write|proceed|continue)[,:] |also, |and )?(?:what|which|who|how (?:long|many|dark))…(?:" + _EN_NEEDS
        + r"|\b(?:would you (?:like|prefer)|do you (?:prefer|want|have in mind)|should (?:i|it|the)|are you (?:going for|looking for))\b)…\?$",
        r"i (?:don't|do not|can't|cannot) see (?:the|any|your)…\b(?:section|text|draft|passage|story)\b",
        r"it (?:looks|seems) like…\b(?:section|text|draft|passage|story|prompt|message)\b",
        r"(?:first|before i (?:begin|start))[,:]? (?:i have |just )?(?:a few|some|a couple of) (?:quick )?questions",
        r"i have (?:a few|some|a couple of) (?:quick )?questions",
    ),
    refuses=(
        r"(?:(?:i'm|i am) (?:very |really |so )?sorry|sorry|i apologi[sz]e|unfortunately|i'm afraid|as an ai\b[^,.]{0,80}|thank you for …)?"
        r"[\s,.:;!—-]{0,9}(?:but |however,? )?(?:as an ai\b[^,.]{0,80}, )?(?:that )?i(?:'m| am)?\s{0,9}(?:afraid i )?" + _EN_NOT
        + r"\b[^.!?\n]{0,80}?\b" + _EN_DO,
        r"i(?:'m| am) sorry,? but (?:i|this|that|as an ai)\b",
        r"(?:this|that|your) (?:request|prompt|content|story)…\b(?:violates|goes against|against my|content polic|guidelines|not something i)",
    ),
    you=r"you|your|yours",
)  # fmt: skip

GERMAN = Wordings(
    assent=r"gern(?:e)?|natürlich|selbstverständlich|klar|sicher|okay|ok|alles klar|verstanden|in ordnung|absolut|mit vergnügen|ja",
    opens=(
        r"(?:hier (?:ist|sind|kommt|folgt|finden sie|findest du)|(?:nach|unten)stehend|nachfolgend|unten|im folgenden|anbei)…\b(?:abschnitt\w{0,3}"
        r"|überarbeit\w{1,8}|entwurf|fassung|version|fortsetzung|korrigiert\w{0,3}|umgeschrieben\w{0,3}|wunschgemäß\w{0,3})\b",
        r"(?:hier (?:ist|kommt|folgt)) (?:die|der|deine|ihre|eine|dein) (?:\w{1,20} ){0,3}(?:geschichte|szene|text|kapitel|passage)[:.!]$",
        r"(?:ich werde|ich schreibe|lass mich|ich habe)(?: nun| jetzt)?…\b(?:abschnitt|geschichte|szene|entwurf|fassung|kapitel)\b…(?:schreiben|überarbeitet"
        r"|fort(?:setzen)?|verfassen|geschrieben|umgeschrieben)[.:!]$",
    ),
    labels=(
        r"(?:die |der )?(?:(?:überarbeitete[rs]?|neue[rs]?|endgültige[rs]?|korrigierte[rs]?) )(?:fassung|version|abschnitt|text|szene)(?: \d{1,4})?",
        r"(?:geschichte|abschnitt|fassung|text)(?: \d{1,4})?",
    ),
    closes=(
        r"(?:bitte )?(?:lass(?:en sie)? (?:es )?mich (?:es )?(?:bitte )?wissen|sag(?:en sie)?(?: mir)? (?:gern )?bescheid|gib mir bescheid)…\b(?:änder\w{1,6}|anpass\w{1,6}"
        r"|wünsche?|weiter\w{0,10}|überarbeit\w{1,6}|verbesser\w{1,6}|abschnitt|fassung|version|geschichte)\b",
        r"(?:möchtest du|möchten sie|soll ich|willst du|wünsch(?:en sie|st du))…(?:weiterschreib\w{0,3}|fortfahr\w{0,3}|fortsetz\w{0,3}|überarbeit\w{0,3}|abschnitt"
        r"|änder\w{1,6}|anpass\w{0,6}|geschichte|fassung)",
        r"ich hoffe…\b(?:abschnitt|geschichte|fassung|version|text|entwurf|szene|überarbeitung)\b",
        r"(?:bei bedarf|auf wunsch|gern(?:e)?|wenn (?:du|sie)…) (?:kann|passe|schreibe|überarbeite|ändere) ich…",
        r"(?:wort(?:an)?zahl|wörter|anzahl der wörter|umfang) ?: ?…\d",
        r"(?:ca\.|etwa|rund|ungefähr)? ?\d{1,4} (?:wörter|worte)\.?$",
        r"(?:ende|schluss) (?:von |des |der )?(?:abschnitts?|kapitels?|teils?)\b",
        r"(?:hinweis|anmerkung): ich habe",
        r"(?:änderungen|anmerkungen|vorgenommene änderungen):$",
    ),
    hopes=(r"ich hoffe,? (?:das|dies|es) (?:hilft|gefällt|passt)(?: (?:dir|ihnen|euch))?(?: weiter)?[.!]$", r"soll ich weiterschreiben[?]$"),
    asks=(
        r"(?:bevor ich …[,:] )?(?:könn(?:test du|ten sie)|kannst du|können sie|würde?st du|würden sie)…\b(?:mehr|text|abschnitt|handlung|figur\w{0,3}|hauptfigur"
        r"|ton|genre|details|angaben|geschichte)\b",
        r"bitte (?:geben sie|gib|nennen sie|nenne|schicken sie|teilen sie)…\b(?:mehr|text|abschnitt|informationen|details|angaben)\b",
        r"(?:welche[nrs]?|was für|wie lang)…\b(?:ton|genre|figur\w{0,3}|stimmung|länge|stil)\b…\?$",
    ),
    refuses=(
        r"(?:(?:es )?tut mir (?:sehr |wirklich )?leid|entschuldig\w{0,8}|leider|verzeih\w{0,4})[,. ]{0,3}(?:aber )?(?:dabei |das |diese\w{0,2} |hierbei )?"
        r"(?:…)?(?:kann|darf|werde) ich…\b(?:nicht|keine?n?)\b…(?:helfen|schreiben|erstellen|behilflich|nachkommen|erfüllen|unterstützen|fortsetzen)",
        r"(?:es )?tut mir (?:sehr )?leid, (?:aber )?(?:dabei|ich) (?:kann|darf|werde)(?: ich)?…\b(?:nicht|keine?n?)\b…(?:helfen|schreiben|erstellen|behilflich|nachkommen|erfüllen|fortsetzen)",
        r"ich (?:kann|darf|werde)…\b(?:nicht|keine?n?)\b…(?:helfen|verfassen|erstellen|behilflich|nachkommen|erfüllen)",
    ),
    you=r"du|dir|dich|dein\w{0,2}|ihnen|euch",
)  # fmt: skip

FRENCH = Wordings(
    assent=r"bien sûr|avec plaisir|certainement|d'accord|très bien|volontiers|entendu|absolument|parfait|oui|bien",
    opens=(
        r"(?:voici|voilà|ci-dessous|vous trouverez ci-dessous)…\b(?:section|révisée?s?|suite de|version|retravaillée?s?|réécrite?s?|corrigée?s?|brouillon|demandée?s?|remaniée?s?)\b",
        r"(?:voici|voilà) (?:l'|le |la |votre |ton |une )(?:\w{1,20} ){0,2}(?:histoire|scène|texte|chapitre|passage|récit)\s?[:.!]$",
        r"(?:je vais|j'ai)(?: maintenant)? (?:écrire|rédiger|réécrire|réviser|révisé|réécrit|rédigé|continuer|poursuivre)…\b(?:section|histoire|scène|passage|texte|récit)\b",
    ),
    labels=(r"(?:la |le )?(?:version|section|texte|passage)(?: \d{1,4})? (?:révisée?|finale?|corrigée?|retravaillée?|définitive)", r"(?:histoire|section|récit|texte)(?: \d{1,4})?"),
    closes=(
        r"n'hésite[zs]?(?: pas)?(?: à)?…\b(?:modif\w{1,9}|changements?|dire|demander|ajust\w{1,9}|suite|version|précis\w{1,9}|retours?)\b",
        r"(?:souhaite[zs]?|voule[zs]|veux|aimeriez|désire[zs]?|voudriez)[ -](?:vous|tu) que je (?:continue|poursuive|modifie|réécrive|développe|change|retravaille)",
        r"(?:dites|dis|faites|fais)-?(?: |-)moi(?: savoir)? si…\b(?:modif\w{1,9}|changements?|poursuive|continue|ajust\w{1,9}|suite|version)\b",
        r"j'espère que…\b(?:version|section|histoire|texte|récit|passage|vous (?:convien\w{1,5}|plaira|plaît)|te plaira)\b",
        r"(?:nombre de mots|mots|longueur) ?: ?…\d",
        r"(?:environ|approximativement|~)? ?\d{1,4} mots\.?$",
        r"fin (?:de la|du) (?:section|chapitre|partie)\b",
        r"si vous (?:souhaitez|voulez|désirez)…\b(?:je peux|modif\w{1,9}|dites-le)\b",
        r"(?:note|remarque)\s?: j'ai",
        r"(?:modifications|changements)(?: apportée?s)?\s?:$",
    ),
    hopes=(r"j'espère que (?:cela|ça) (?:vous |t'|te )?(?:aide(?:ra)?|convient)\s?[.!]$", r"dois-je continuer\s?[?]$"),
    asks=(
        r"(?:avant de …, )?(?:pour(?:riez|rais|rait)|pouvez|peux)-(?:vous|tu)…\b(?:détails|précis\w{1,5}|texte|section|ton|genre|personnages?|histoire|informations)\b",
        r"(?:quel(?:le)?s?) …\b(?:ton|genre|style|personnages?|longueur)\b…\?$",
        r"(?:merci de|veuillez)…(?:fournir|préciser|indiquer)…\b(?:texte|section|détails|ton|informations)\b",
    ),
    refuses=(
        r"(?:je suis (?:vraiment )?désolée?|désolée?|malheureusement|je regrette)[,. ]{0,3}(?:mais )?je ne (?:peux|pourrai|suis) pas…(?:écri\w{1,3}|aider|répondre|créer|continuer|générer|rédiger|fournir|capable|en mesure)",
        r"je ne (?:peux|pourrai) pas (?:écrire (?:cette|ce|une telle)|répondre à (?:cette|votre)|vous aider|t'aider|créer|générer|rédiger)",
    ),
    you=r"tu|te|toi|vous|votre|ton|ta",
)  # fmt: skip

SPANISH = Wordings(
    assent=r"claro(?: que sí)?|por supuesto|con gusto|con mucho gusto|desde luego|entendido|de acuerdo|perfecto|sí|vale|muy bien|está bien",
    opens=(
        r"(?:aquí (?:está|tienes?|va|te dejo|le dejo|te presento)|a continuación|esta es|este es|he aquí)…\b(?:sección|revisad[oa]s?|continuación|versión|corregid[oa]s?|borrador"
        r"|reescrit[oa]s?|pulid[oa]s?|solicitad[oa]s?|fragmento)\b",
        r"(?:aquí (?:está|tienes?|va)) (?:la|el|tu|una?) (?:\w{1,20} ){0,2}(?:historia|escena|texto|capítulo|relato|pasaje|cuento)[:.!]$",
        r"(?:voy a|he|ahora)(?: ahora)? (?:escribir|escribiré|continuar|continuaré|revisar|revisado|reescrito|reescribir)…\b(?:sección|historia|escena|relato|texto)\b",
    ),
    labels=(r"(?:la )?(?:versión|sección|texto|fragmento)(?: \d{1,4})? (?:revisad[oa]|final|corregid[oa]|pulid[oa])", r"(?:historia|sección|relato|texto|cuento)(?: \d{1,4})?"),
    closes=(
        r"(?:por favor, )?(?:avísame|avíseme|hazme saber|hágame saber|házmelo saber|dime|dígame|déjame saber)…\b(?:cambi\w{1,4}|modif\w{1,9}|ajust\w{1,5}|continú\w{1,3}|continu\w{1,6}|sección|versión|relato|historia)\b",
        r"[¿]?(?:te gustaría|le gustaría|quieres|quiere|deseas|desea|prefieres) que (?:continú\w{1,3}|continu\w{1,6}|siga|modifique|cambie|reescriba|ajuste|amplíe)",
        r"¡?espero que…\b(?:guste|gustado|relato|sección|versión|historia|texto|sea de tu agrado|cumpla)\b",
        r"(?:recuento|número|conteo|total)(?: de)? palabras ?: ?…\d",
        r"(?:palabras|extensión) ?: ?…\d",
        r"(?:aproximadamente|unas|alrededor de|~)? ?\d{1,4} palabras\.?$",
        r"si (?:necesitas|quieres|deseas|desea|lo prefieres)…\b(?:cambios|puedo|ajust\w{1,4}|modif\w{1,9}|no dudes|dímelo|continuar)\b",
        r"no dud[ea]s? en…\b(?:decírmelo|pedir\w{0,5}|preguntar\w{0,3}|cambios|avisarme)\b",
        r"fin de la sección\b",
        r"nota: he",
        r"cambios(?: realizados)?:$",
    ),
    hopes=(r"¡?espero que (?:te|le|esto)(?: te| le)? (?:ayude|sirva)[.!]$", r"¿sigo[?]$", r"¿continúo[?]$"),
    asks=(
        r"(?:antes de …, )?¿?(?:podrías|podría|puedes|puede)…\b(?:detalles|texto|sección|tono|género|personajes?|protagonista|historia|información)\b",
        r"(?:por favor, )?(?:proporciona|proporcióname|comparte|indica|dime)…\b(?:detalles|texto|sección|tono|género|información)\b",
        r"¿(?:qué|cuál|quién)…\b(?:tono|género|estilo|protagonista|extensión|prefieres)\b…\?$",
    ),
    refuses=(
        r"(?:lo siento|lamentablemente|disculpa|lamento|perdón)[,. ]{0,3}(?:pero )?(?:mucho )?(?:…)?no (?:puedo|podré|me es posible)…(?:escribir|ayudar\w{0,3}|crear|continuar|cumplir|generar|proporcionar|atender)",
        r"no puedo (?:escribir (?:esta|este|ese|esa) (?:historia|contenido|texto)|ayudar(?:te|le) con|crear (?:este|ese|esta)|cumplir)",
    ),
    you=r"tú|te|ti|tu|tus|usted|ustedes",
)  # fmt: skip

ITALIAN = Wordings(
    assent=r"certo|certamente|volentieri|con piacere|naturalmente|d'accordo|va bene|ok|perfetto|capito|sì|assolutamente",
    opens=(
        r"(?:ecco(?:ti|le)?|di seguito|qui sotto|questa è|questo è)…\b(?:sezione|rivist[oa]|seguito (?:della|del)|versione|corrett[oa]|bozza|riscritt[oa]|revisionat[oa]|completo della|completa della|rielaborat[oa])\b",
        r"ecco (?:la|il|l'|una|la tua) ?(?:\w{1,20} ){0,2}(?:storia|scena|testo|capitolo|racconto|passaggio|brano)[:.!]$",
        r"(?:ora scriv\w{1,3}|scriverò|ho (?:rivisto|riscritto|scritto|revisionato))…\b(?:sezione|storia|scena|racconto|testo)\b",
    ),
    labels=(r"(?:la )?(?:versione|sezione|testo|brano)(?: \d{1,4})? (?:rivist[oa]|finale|corrett[oa]|definitiv[oa])", r"(?:storia|sezione|racconto|testo)(?: \d{1,4})?"),
    closes=(
        r"(?:per favore, )?(?:fammi|mi faccia) sapere…\b(?:modif\w{1,9}|cambi\w{1,4}|continu\w{1,4}|sezione|versione|storia)\b",
        r"(?:vuoi|vorresti|desideri|preferisci|vuole) che (?:io )?(?:continui|prosegua|modifichi|cambi|riscriva|aggiunga)",
        r"spero che…\b(?:piaccia|piaciut[oa]|storia|sezione|versione|testo|racconto|gradimento)\b",
        r"(?:conteggio|numero|totale)(?: delle| di)? parole ?: ?…\d",
        r"(?:circa|approssimativamente|~)? ?\d{1,4} parole\.?$",
        r"se (?:desideri|vuoi|preferisci|hai bisogno)…\b(?:modif\w{1,9}|cambi\w{1,4}|posso|fammelo sapere|dimmelo)\b",
        r"fine della sezione\b",
        r"nota: ho",
        r"modifiche(?: apportate)?:$",
    ),
    hopes=(r"spero che (?:questo )?(?:ti |le )?(?:aiuti|sia utile)[.!]$", r"continuo[?]$"),
    asks=(
        r"(?:prima di …, )?(?:potresti|potrebbe|puoi|può)…\b(?:dettagli|testo|sezione|tono|genere|personagg\w{1,2}|protagonista|storia|informazioni)\b",
        r"(?:quale|che|qual)…\b(?:tono|genere|stile|protagonista|lunghezza)\b…\?$",
    ),
    refuses=(
        r"(?:mi dispiace|purtroppo|spiacente|mi scuso)[,. ]{0,3}(?:ma )?non (?:posso|sono in grado|riesco)…(?:scrivere|aiutar\w{1,3}|creare|continuare|generare|fornire|soddisfare|assister\w{1,3})",
        r"non posso (?:scrivere quest\w|aiutarti con|creare quest\w)",
    ),
    you=r"tu|te|ti|tuo|tua|voi|lei",
)  # fmt: skip

PORTUGUESE = Wordings(
    assent=r"claro|com certeza|certamente|com prazer|certo|entendido|perfeito|sim|tudo bem|ok|está bem|ótimo",
    opens=(
        r"(?:aqui (?:está|vai|tem|segue)|segue(?:m)?(?: abaixo)?|abaixo(?: está)?|esta é|este é|eis|a seguir)…\b(?:seção|secção|revisad[oa]s?|continuação|versão|corrigid[oa]s?|rascunho|reescrit[oa]s?|polid[oa]s?|revist[oa]s?)\b",
        r"(?:aqui (?:está|vai)|eis) (?:a|o|sua|uma) (?:\w{1,20} ){0,2}(?:história|cena|texto|capítulo|conto|trecho)[:.!]$",
        r"(?:vou|irei|agora vou)(?: agora)? (?:escrever|continuar|revisar|reescrever)…\b(?:seção|história|cena|texto|conto)\b",
    ),
    labels=(r"(?:a )?(?:versão|seção|secção|texto|trecho)(?: \d{1,4})? (?:revisad[oa]|final|corrigid[oa]|revist[oa])", r"(?:história|seção|conto|texto)(?: \d{1,4})?"),
    closes=(
        r"(?:por favor, )?(?:me avise|avise-me|me diga|diga-me|me informe|deixe-me saber|me deixe saber)…\b(?:alteraç\w{1,4}|mudanças?|mudar|modific\w{1,6}|ajust\w{1,4}|continu\w{1,3}|seção|versão|história)\b",
        r"(?:gostaria|quer|você quer|deseja|prefere) que eu (?:continu\w{1,5}|modifi\w{1,6}|reescrev\w{1,4}|mud\w{1,4}|escrev\w{1,4}|ajust\w{1,4})",
        r"espero que…\b(?:goste|gostado|história|seção|versão|texto|agrade)\b",
        r"(?:contagem|número|total)(?: de)? palavras ?: ?…\d",
        r"(?:aproximadamente|cerca de|~)? ?\d{1,4} palavras\.?$",
        r"se (?:quiser|desejar|preferir|precisar)…\b(?:posso|alteraç\w{1,4}|mudanças?|ajust\w{1,4}|avise|diga)\b",
        r"fim da seção\b",
        r"nota: (?:eu )?(?:mantive|fiz|tentei|revisei)",
        r"(?:alterações|mudanças)(?: feitas| realizadas)?:$",
    ),
    hopes=(r"espero (?:que isso|ter) (?:ajude|ajudado)[.!]$", r"(?:devo continuar|continuo)[?]$"),
    asks=(
        r"(?:antes de …, )?(?:você )?(?:poderia|pode|poderias)…\b(?:detalhes|texto|seção|tom|gênero|personage\w{1,2}|protagonista|história|informações)\b",
        r"(?:qual|que|quem)…\b(?:tom|gênero|estilo|protagonista|extensão)\b…\?$",
    ),
    refuses=(
        r"(?:desculpe|sinto muito|infelizmente|lamento|me desculpe|peço desculpas)[,. ]{0,3}(?:mas )?(?:eu )?não (?:posso|consigo|poderei|vou poder)…(?:escrever|ajudar|criar|continuar|gerar|fornecer|atender|produzir)",
        r"não posso (?:escrever est\w|ajudar (?:com|você)|criar (?:est|ess)\w)",
    ),
    you=r"você|te|tu|teu|tua|vocês",
)  # fmt: skip

DUTCH = Wordings(
    assent=r"natuurlijk|zeker|graag|prima|oké|ok|akkoord|begrepen|absoluut|uiteraard|ja|goed",
    opens=(
        r"(?:hier(?: is| volgt| zijn| vind je| heb je)|hierbij|hieronder|onderstaand|dit is)…\b(?:deel|sectie|herziene?|herschreven|versie|vervolg|aangepaste?|bewerkte?|concept|bijgewerkte?|fragment)\b",
        r"hier is (?:het|de|je|jouw|een) (?:\w{1,20} ){0,2}(?:verhaal|scène|tekst|hoofdstuk|passage)[:.!]$",
        r"(?:ik zal|ik ga|ik heb)(?: nu)?…\b(?:sectie|verhaal|scène|deel|tekst|passage)\b…(?:schrijven|herschreven|herzien|vervolgen|geschreven)[.:!]$",
    ),
    labels=(r"(?:de )?(?:herziene|definitieve|aangepaste|bewerkte) (?:versie|tekst|sectie|passage)", r"(?:verhaal|sectie|tekst)(?: \d{1,4})?"),
    closes=(
        r"(?:laat (?:het )?(?:me|mij)(?: het)?(?: gerust)? weten|geef (?:het )?(?:me|gerust) (?:een seintje|aan))…\b(?:aanpas\w{1,6}|wijzig\w{1,6}|verander\w{1,6}|vervolg|verder\w{0,5}|versie|doorga\w{0,3})\b",
        r"(?:wil je|wilt u|zal ik|moet ik)(?: dat ik)?…(?:verderga\w{0,3}|doorga\w{0,3}|vervolg\w{0,3}|aanpas\w{0,4}|herschrijf|herschrijven|verder ga|volgende (?:deel|hoofdstuk|sectie))",
        r"ik hoop dat…\b(?:verhaal|versie|sectie|tekst|deel|bevalt)\b",
        r"(?:aantal woorden|woorden(?:aantal|telling)?) ?: ?…\d",
        r"(?:ongeveer|circa|~)? ?\d{1,4} woorden\.?$",
        r"(?:einde van|einde) (?:het |de )?(?:sectie|deel|hoofdstuk)\b",
        r"(?:als|indien) (?:je|u)…\b(?:kan ik|aanpas\w{1,6}|wijzig\w{1,6})\b",
        r"(?:opmerking|let op): ik heb",
        r"(?:aangebrachte )?wijzigingen:$",
    ),
    hopes=(r"ik hoop dat (?:dit|het) (?:helpt|bevalt)[.!]$", r"zal ik doorgaan[?]$"),
    asks=(
        r"(?:voordat ik …[:,] )?(?:kun(?:t u| je)|kan je|zou je|zou u)…\b(?:meer|tekst|sectie|toon|genre|personage\w{0,2}|hoofdpersonage|verhaal|details|informatie)\b",
        r"(?:welke?|wat voor|wie)…\b(?:toon|genre|stijl|hoofdpersoon|lengte)\b…\?$",
    ),
    refuses=(
        r"(?:sorry|het spijt me|helaas|mijn excuses)[,. ]{0,3}(?:maar )?(?:…)?(?:kan|mag|zal) ik?…\b(?:niet|geen)\b…(?:helpen|schrijven|maken|voldoen|voortzetten|genereren|assisteren)",
        r"(?:sorry|het spijt me)[,. ]{0,3}(?:maar )?ik (?:kan|mag|zal)…\b(?:niet|geen)\b…(?:helpen|schrijven|maken|voldoen|voortzetten|genereren|assisteren)",
        r"ik kan (?:dit|deze|dat) (?:verhaal|tekst|verzoek|inhoud)? ?niet (?:schrijven|maken|uitvoeren)",
    ),
    you=r"je|jij|jou|jouw|u|uw",
)  # fmt: skip

POLISH = Wordings(
    assent=r"oczywiście|jasne|pewnie|z przyjemnością|dobrze|rozumiem|w porządku|tak|naturalnie|świetnie",
    opens=(
        r"(?:oto|poniżej(?: znajduje się| przedstawiam| zamieszczam)?|przedstawiam)…\b(?:wersj\w|częś\w{1,3}|poprawion\w{1,2}|fragment\w{0,2}|rozdział\w{0,2}|kontynuacj\w|sekcj\w|przeredagowan\w{1,2}|szkic|zredagowan\w{1,2})\b",
        r"oto (?:\w{1,20} ){0,2}(?:historia|opowiadanie|scena|tekst)[:.!]$",
        r"(?:napiszę|poprawiłem|poprawiłam|przeredagowałem)(?: teraz)?…\b(?:częś\w{1,3}|fragment|sekcj\w|opowiadani\w|historię|scenę|tekst)\b",
    ),
    labels=(r"(?:poprawiona|ostateczna|końcowa|zredagowana) wersja", r"(?:opowiadanie|historia|tekst)"),
    closes=(
        r"(?:proszę )?(?:daj|dajcie)(?: mi)? znać…\b(?:zmian\w{0,3}|zmieni\w{1,3}|poprawi\w{1,3}|kontynu\w{1,6}|wersj\w|dopisa\w{1,2})\b",
        r"czy (?:mam|chcesz|chciał\w{1,4}|życzysz)…(?:kontynuowa\w{1,2}|kontynuował\w{0,2}|zmieni\w{1,3}|napisa\w{1,3}|poprawi\w{1,3}|dalej pisa\w)",
        r"mam nadzieję,? że…\b(?:podoba|spodoba|tekst|wersj\w|historia|opowiadanie|fragment|odpowiada)\b",
        r"(?:liczba słów|słów|długość) ?: ?…\d",
        r"(?:około|ok\.|~)? ?\d{1,4} słów\.?$",
        r"jeśli (?:chcesz|potrzebujesz|masz)…\b(?:mogę|zmian\w{0,3}|daj znać|uwagi)\b",
        r"koniec (?:sekcji|rozdziału|części)\b",
        r"uwaga: (?:zachował|poprawił|zmienił)",
        r"(?:wprowadzone )?zmiany:$",
    ),
    hopes=(r"mam nadzieję,? że to pomoże[.!]$", r"czy mam kontynuować[?]$"),
    asks=(
        r"(?:zanim …, )?(?:czy )?(?:mogł\w{1,4}|może|możesz|mógłbyś|mogłabyś|czy mógł\w{1,4})…\b(?:więcej|szczegół\w{0,3}|tekst|fragment|ton|gatunek|bohate\w{1,4}|historii|informacj\w)\b",
        r"(?:jaki|jaka|jakie|kto)…\b(?:ton|gatunek|styl|bohate\w{1,4}|długość)\b…\?$",
    ),
    refuses=(
        r"(?:przepraszam|przykro mi|niestety)[,. ]{0,3}(?:ale )?nie (?:mogę|jestem w stanie|będę)…(?:napisać|pomóc|stworzyć|kontynuować|spełnić|wygenerować)",
        r"nie mogę (?:napisać (?:tej|tego|takiej)|pomóc w t|spełnić tej)",
    ),
    you=r"ty|ci|cię|ciebie|twój|twoja|twoje",
)  # fmt: skip

SWEDISH = Wordings(
    assent=r"självklart|absolut|visst|gärna|javisst|okej|ok|ja|naturligtvis|förstått|klart|det ska jag göra",
    opens=(
        r"(?:här (?:är|kommer|följer|har du)|nedan(?: följer| är| finns)?|detta är)…\b(?:delen|avsnitt\w{0,2}|reviderade|omarbetade|versionen|fortsättning\w{0,3}|utkast\w{0,2}|omskrivna|redigerade|bearbetade)\b",
        r"här (?:är|kommer) (?:\w{1,20} ){0,2}(?:berättelsen|scenen|texten|kapitlet|historien)[:.!]$",
        r"jag (?:ska|kommer att|har)(?: nu)? (?:skriva|skrivit|omarbetat|reviderat|fortsätta)…\b(?:avsnitt\w{0,2}|berättelsen|scenen|texten)\b",
    ),
    labels=(r"(?:reviderad|slutlig|omarbetad|redigerad) version", r"(?:berättelse|avsnitt|text)(?: \d{1,4})?"),
    closes=(
        r"(?:låt mig (?:gärna )?veta|säg (?:gärna )?till|hör av dig)…\b(?:ändr\w{1,6}|juster\w{1,6}|avsnittet|fortsätt\w{0,4}|version\w{0,2}|berättelsen)\b",
        r"(?:vill du|ska jag|önskar du)(?: att jag)? (?:fortsätt\w{1,3}|ändra|skriva (?:vidare|om|nästa)|justera|skriver)",
        r"(?:jag )?hoppas (?:att )?…\b(?:avsnittet|berättelsen|versionen|texten|gillar|passar)\b",
        r"(?:antal ord|ordantal|ord) ?: ?…\d",
        r"(?:cirka|ungefär|ca|~)? ?\d{1,4} ord\.?$",
        r"om du vill…\b(?:kan jag|ändr\w{1,6})\b",
        r"slut på (?:avsnitt|avsnittet|kapitlet)\b",
        r"(?:obs|notera): jag har",
        r"(?:gjorda )?ändringar:$",
    ),
    hopes=(r"(?:jag )?hoppas (?:att )?(?:det här|det|detta) (?:hjälper|passar)[.!]$", r"ska jag fortsätta[?]$"),
    asks=(
        r"(?:innan jag …, )?(?:kan|kunde|skulle) du…\b(?:mer|text\w{0,2}|avsnitt\w{0,2}|ton\w{0,2}|genre\w{0,2}|huvudperson\w{0,2}|berättelsen|detaljer|information)\b",
        r"(?:vilken|vilket|vad för|vem)…\b(?:ton|genre|stil|huvudperson|längd)\b…\?$",
    ),
    refuses=(
        r"(?:tyvärr|jag är ledsen|jag beklagar|förlåt)[,. ]{0,3}(?:men )?(?:jag )?kan (?:jag )?(?:tyvärr )?inte…(?:hjälpa|skriva|skapa|fortsätta|uppfylla)",
        r"jag kan tyvärr inte…(?:hjälpa|skriva|skapa|fortsätta|uppfylla)",
    ),
    you=r"du|dig|din|ditt|dina|ni|er",
)  # fmt: skip

TURKISH = Wordings(
    assent=r"elbette|tabii(?: ki)?|tabi|memnuniyetle|kesinlikle|tamam|peki|anladım|evet|harika",
    opens=(
        r"(?:işte|aşağıda|aşağıdaki|buyurun)…(?:bölüm\w{0,4}|düzeltilmiş|gözden geçirilmiş|devamı|sürüm\w{0,4}|versiyon\w{0,4}|taslak|yeniden yaz\w{1,8}|metin yer|düzenlenmiş)",
        r"işte (?:\w{1,20} ){0,2}(?:hik[aâ]ye\w{0,4}|öykü\w{0,4}|sahne|metin)[:.!]$",
        r"(?:şimdi )?(?:\w{1,12} ){0,3}(?:bölümü|hik[aâ]yeyi|sahneyi|metni) (?:yazıyorum|yazacağım|düzenledim|yeniden yazdım)",
    ),
    labels=(r"(?:düzeltilmiş|gözden geçirilmiş|son|düzenlenmiş) (?:bölüm|metin|sürüm|versiyon|hâli|hali)", r"(?:hik[aâ]ye|öykü|metin|bölüm)(?: \d{1,4})?"),
    closes=(
        r"…(?:değişiklik|düzeltme|değiştirmemi|düzenleme|eklememi)…(?:bildirin|bildir|söyleyin|söyle|haber ver\w{0,3}|belirtin)",
        r"…(?:devam etmemi|yazmamı|değiştirmemi|sürdürmemi|düzenlememi)…(?:ister|istiyor|isteriniz)",
        r"(?:umarım|umuyorum)…(?:beğen\w{1,8}|işinize|hik[aâ]ye|bölüm|metin)",
        r"(?:kelime|sözcük) sayısı ?: ?…\d",
        r"(?:yaklaşık|~)? ?\d{1,4} (?:kelime|sözcük)\.?$",
        r"(?:isterseniz|istersen|dilerseniz)…(?:devam|değiştir|düzenle|yazabilirim|ekleyebilirim)",
        r"(?:bölüm|kısım) sonu\b",
        r"not: …(?:korudum|değiştirdim|düzenledim)",
        r"(?:yapılan )?değişiklikler:$",
    ),
    hopes=(r"umarım (?:bu )?(?:yardımcı|faydalı) olur[.!]$", r"devam edeyim mi[?]$"),
    asks=(
        r"(?:başlamadan önce, )?…(?:daha fazla|metni|bölümü|karakter|tür|ton|ayrıntı|bilgi)…(?:verebilir|paylaşabilir|anlatabilir|belirtebilir|söyleyebilir|gönderebilir) mi",
        r"(?:hangi|nasıl bir|ne kadar)…(?:ton|tür|üslup|karakter|uzunluk)…\?$",
    ),
    refuses=(r"(?:üzgünüm|maalesef|özür dilerim|kusura bakmayın)[,. ]{0,3}(?:ama |ancak |fakat )?…(?:yazamam|yardımcı olamam|yardım edemem|oluşturamam|yerine getiremem|sağlayamam|devam edemem)",),
    you=r"sen|seni|sana|senin|siz|sizi|size",
)  # fmt: skip

RUSSIAN = Wordings(
    assent=r"конечно(?: же)?|разумеется|хорошо|понял\w?|понятно|с удовольствием|да|отлично|ладно|безусловно",
    opens=(
        r"(?:вот|ниже(?: приведен\w{0,2}| представлен\w{0,2}| следует)?|представляю)…\b(?:част\w{1,2}|раздел\w{0,2}|исправленн\w{1,3}|отредактированн\w{1,3}|переработанн\w{1,3}|продолжени\w|верси\w{1,2}|отрыв\w{1,4}|черновик|доработанн\w{1,3}|переписанн\w{1,3})\b",
        r"вот (?:\w{1,20} ){0,2}(?:история|рассказ|сцена|текст|глава)[:.!]$",
        r"(?:я )?(?:сейчас )?(?:напишу|переписал\w?|отредактировал\w?|исправил\w?|продолжу)…\b(?:раздел|част\w|рассказ|истори\w|сцену|отрывок|текст)\b",
    ),
    labels=(r"(?:исправленная|отредактированная|итоговая|окончательная|переработанная) версия", r"(?:рассказ|история|текст|раздел)(?: \d{1,4})?"),
    closes=(
        r"(?:пожалуйста, )?(?:дайте|дай)(?: мне)? знать…(?:измен\w{1,6}|правк\w|продолж\w{1,6}|исправ\w{1,5}|доработ\w{1,4})",
        r"(?:хотите|хочешь|желаете)(?: ли)?(?: вы)?(?:, чтобы я| ли, чтобы я)? …(?:продолж\w{1,5}|измен\w{1,5}|переписал\w?|доработал\w?|дописал\w?)",
        r"(?:мне )?продолж(?:ить|ать)(?: историю| рассказ)[?]$",
        r"надеюсь,…(?:понравит\w{1,3}|понравил\w{1,3}|верси\w{1,2}|рассказ|отрывок|текст|подойд\w{1,3})",
        r"(?:количество слов|число слов|объ[её]м|слов) ?: ?…\d",
        r"(?:около|примерно|~)? ?\d{1,4} слов\w?\.?$",
        r"если (?:хотите|нужно|вам|потребуется|требуется)…(?:могу|измен\w{1,6}|правк\w|дайте знать|продолж\w{1,5})",
        r"конец (?:раздела|главы|части)\b",
        r"примечание: я",
        r"(?:внес[её]нные )?изменения:$",
    ),
    hopes=(r"надеюсь,? (?:это )?(?:поможет|помогло)[.!]$", r"продолжать[?]$", r"продолжить[?]$"),
    asks=(
        r"(?:прежде чем …, |перед тем как …, )?(?:не )?(?:могли бы вы|можете|могли ли|мог бы ты|не могли бы вы)…(?:подробн\w{1,4}|текст\w{0,2}|раздел\w{0,2}|тон\b|жанр\w{0,2}|геро\w{1,4}|персонаж\w{0,3}|истори\w{1,2}|информаци\w|уточнить|больше)",
        r"(?:пожалуйста, )?(?:предоставьте|пришлите|уточните|укажите)…(?:текст|раздел|тон|жанр|подробн\w{1,4}|информаци\w)",
        r"(?:какой|какая|какие|кто)…(?:тон|жанр|стиль|геро\w{1,2}|объ[её]м)…\?$",
    ),
    refuses=(
        r"(?:извините|простите|к сожалению|прошу прощения|мне жаль)[,. ]{0,3}(?:но )?я не (?:могу|смогу|в состоянии|буду)…(?:написать|помочь|создать|продолжить|выполнить|предоставить|писать)",
        r"я не могу (?:написать (?:эт|так)\w{1,3}|помочь с эт|выполнить эт)",
    ),
    you=r"ты|тебя|тебе|твой|твоя|вы|вас|вам",
)  # fmt: skip

UKRAINIAN = Wordings(
    assent=r"звичайно|звісно|авжеж|добре|зрозумів|зрозуміла|зрозуміло|із задоволенням|так|гаразд|чудово",
    opens=(
        r"(?:ось|нижче(?: наведено| подано)?|подаю)…(?:частин\w|розділ\w{0,2}|виправлен\w{1,3}|відредаговану?|перероблен\w{1,3}|продовження|версі\w|уривок|чернетк\w|оновлен\w{1,3}|переписан\w{1,3})",
        r"ось (?:\w{1,20} ){0,2}(?:історія|оповідання|сцена|текст)[:.!]$",
        r"(?:я )?(?:зараз )?(?:напишу|переписа\w{1,3}|відредагува\w{1,3}|продовжу)…(?:розділ|частин\w|оповідання|історі\w|сцену|текст)",
    ),
    labels=(r"(?:виправлена|відредагована|остаточна|перероблена) версія", r"(?:оповідання|історія|текст|розділ)(?: \d{1,4})?"),
    closes=(
        r"(?:будь ласка, )?(?:дайте|дай)(?: мені)? знати…(?:змін\w{1,4}|правк\w|продовж\w{1,5}|виправ\w{1,5})",
        r"(?:бажаєте|хочете|хочеш)(?: ви)?,? щоб я …(?:продовж\w{1,5}|змін\w{1,5}|переписа\w{1,3}|доопрацюва\w{1,3})",
        r"(?:сподіваюся|сподіваюсь|маю надію),…(?:сподоба\w{1,6}|версі\w|оповідання|уривок|текст)",
        r"(?:кількість слів|обсяг|слів) ?: ?…\d",
        r"(?:близько|приблизно|~)? ?\d{1,4} слів\.?$",
        r"якщо (?:хочете|потрібно|бажаєте|вам)…(?:можу|змін\w{1,4}|дайте знати|продовж\w{1,5})",
        r"кінець (?:розділу|частини)\b",
        r"примітка: я",
        r"(?:внесені )?зміни:$",
    ),
    hopes=(r"(?:сподіваюся|сподіваюсь),? (?:це )?(?:допоможе|допомогло)[.!]$", r"продовжувати[?]$"),
    asks=(
        r"(?:перш ніж …, )?(?:чи )?(?:не )?(?:могли б(?: ви)?|можете|міг би ти|чи можете)…(?:більше|текст\w{0,2}|розділ\w{0,2}|тон\b|жанр\w{0,2}|геро\w{1,4}|персонаж\w{0,3}|історі\w|інформаці\w|детал\w{1,3}|докладн\w{1,4})",
        r"(?:який|яка|які|хто)…(?:тон|жанр|стиль|геро\w|обсяг)…\?$",
    ),
    refuses=(r"(?:вибачте|перепрошую|на жаль|мені шкода|пробачте)[,. ]{0,3}(?:але )?я не (?:можу|зможу|в змозі|буду)…(?:написати|допомогти|створити|продовжити|виконати|надати|писати)",),
    you=r"ти|тебе|тобі|твій|твоя|ви|вас|вам",
)  # fmt: skip

CHINESE = Wordings(
    assent=r"好的?|当然(?:可以)?|没问题|明白了?|可以|收到|當然|沒問題|好",
    opens=(
        r"(?:以下|下面|这|這|如下|这里|這裡|此)(?:是|为|為|就是)?…(?:修改|修订|改写|润色|续写|版本|章节|部分|第[二三四五六七八九十\d]{1,3}[节節]|正文|初稿|草稿|修訂|改寫|潤色|續寫|章節|小节|小節)…[：:。！]$",
        r"(?:以下|下面)(?:是|为|為)…(?:故事|场景|場景|文本|段落)[：:]$",
        r"(?:我(?:将|將|会|會|来|來|已))…(?:续写|继续|修改|改写|写|續寫|繼續|改寫|寫)…(?:故事|章节|章節|部分|场景|段落|本节|一节)…[：:。！]$",
    ),
    labels=(r"(?:修改|修订|润色|最终|修訂|潤色|最終)(?:后的?|後的?)?(?:版本?|稿|文本|章节|正文)", r"(?:正文|故事)"),
    closes=(
        r"(?:如果?|若|如有)(?:您|你)?…(?:修改|调整|調整|需要|继续|繼續|其他要求|意见|意見)…(?:告诉我|告訴我|告知|联系|提出|让我知道|說|说)",
        r"(?:需要我|您想让我|您希望我|你想让我|你希望我|要我|是否需要(?:我)?|您?要不要我)…(?:继续|繼續|修改|调整|調整|续写|写下|寫下|扩展)",
        r"希望(?:这个|这|這個|這|本|以上|您|你)…(?:喜欢|喜歡|满意|滿意|版本|章节|章節|符合|要求)",
        r"(?:全文|本节|本章|總|总|共|約|约)?…(?:字[数數])[：:为為]?…[\d一二三四五六七八九十百千]",
        r"(?:全文|本节|本節|共)?(?:约|約|大约|大約|共)?\s?\d{2,5}\s?(?:余|餘|多)?(?:字|个字|個字|词)[。]?$",
        r"(?:请|請)(?:随时|隨時)?(?:告诉我|告訴我|告知)…(?:修改|调整|調整|意见|意見|要求|继续)",
        r"(?:第?[二三四五六七八九十\d]{0,3}(?:节|節|章|部分))(?:完|结束|結束)[。]?$",
        r"(?:修改|改动|調整|调整)(?:说明|說明|之处|之處)?[：:]$",
    ),
    hopes=(r"希望(?:这|這)?对(?:您|你)有(?:所)?帮助[！。!]$", r"希望(?:这|這)?對(?:您|你)有(?:所)?幫助[！。!]$"),
    asks=(
        r"(?:在(?:我)?(?:开始|開始|动笔|動筆)(?:写|寫)?(?:之)?前[，,])?(?:您|你)?(?:能否|能不能|可以|可否|请|請|麻烦)…(?:提供|告诉我|告訴我|说明|說明|分享|补充)…(?:信息|文本|细节|主角|人物|风格|章节|内容|資訊|文字|細節|故事|设定)",
        r"(?:您|你)(?:希望|想要|喜欢)…(?:风格|基调|类型|主角|語氣|風格|篇幅)…[?？]$",
    ),
    refuses=(
        r"(?:很|非常|十分)?(?:抱歉|对不起|對不起|遗憾|遺憾|不好意思)[，,。 ]{0,2}(?:但是?)?(?:我|本人)?(?:无法|無法|不能|不可以|没法|不便)…(?:写|寫|协助|協助|提供|完成|帮助|幫助|创作|創作|生成|继续|满足|回答)",
        r"我(?:无法|無法|不能)(?:协助|協助|提供|完成|创作|生成|满足)(?:您|你|这|這|此|该)",
    ),
    you=r"你|您",
)  # fmt: skip

JAPANESE = Wordings(
    assent=r"はい|もちろん(?:です)?|承知(?:しました|いたしました)|わかりました|分かりました|了解(?:しました|です)?|かしこまりました|ええ",
    opens=(
        r"(?:以下|次|下記|こちら|これ)(?:は|が|に|の通り)?…(?:改訂|修正|書き直し|推敲|改稿|続き|本文|節|セクション|版|原稿|草稿|リライト)…(?:です|ます|します|：|:)[。：:！]?$",
        r"(?:改訂|修正|改稿|推敲|リライト)(?:版|した本文|後の本文)(?:は|が)…(?:です|ます|通り)[。：:]?",
        r"(?:以下|次|こちら)(?:は|が)…(?:物語|場面|テキスト|小説)(?:です|となります)[。：:]$",
        r"…(?:節|続き|物語|場面|セクション|部分)を(?:書き|続け|執筆し|修正し|改訂し)(?:ます|ました|ていきます|直しました)[。：:！]$",
    ),
    labels=(r"(?:改訂|修正|最終|推敲)(?:版|稿|後の本文)", r"(?:本文|物語)"),
    closes=(
        r"…(?:修正|変更|調整|ご希望|ご意見|ご要望|ご感想|直し)…(?:お知らせ|お聞かせ|おっしゃって|教えて|お申し付け)",
        r"(?:ご希望|ご要望|必要)(?:が)?(?:あれば|でしたら|の場合)…(?:書き|修正|続け|調整)",
        r"(?:続き|次の(?:節|場面|章)|この(?:続き|先))(?:を|も)(?:書き|お書きし|続け|執筆し)(?:ましょうか|ますか|てもよろしい)",
        r"(?:いかがでしょうか|いかがですか)[？?。]",
        r"(?:文字数|字数|語数)(?:は)?[：:]?…[\d一二三四五六七八九十百千]",
        r"(?:約|およそ)\s?\d{2,5}\s?(?:字|文字|語)(?:です)?[。]?$",
        r"(?:楽し|気に入って)…(?:いただけ|頂け|もらえ)(?:たら|れば|ましたら|ると)",
        r"第?[二三四五六七八九十\d]{0,3}(?:節|章)(?:終わり|了|おわり)[。]?$",
        r"(?:変更点|修正点|主な変更)(?:は以下の通りです)?[：:。]$",
    ),
    hopes=(r"お役に立て(?:れば|たら)(?:幸いです|嬉しいです)[。！]$",),
    asks=(
        r"…(?:前に|まず|もう少し|もっと|詳し)…(?:情報|主人公|人物|詳しく|ジャンル|文体|設定|本文|トーン|について|テキスト)…(?:教えて|お聞かせ|お知らせ|ご提供|いただけ)",
        r"(?:本文|テキスト|原稿)を…(?:ご提供|お送り|貼り付け|共有)",
        r"(?:どのような|どんな)…(?:トーン|ジャンル|雰囲気|文体|主人公)…(?:ですか|でしょうか|ますか)[？?。]$",
    ),
    refuses=(
        r"(?:大変|誠に)?(?:申し訳(?:ありません|ございません|ない)|すみません|恐れ入ります|残念)(?:が|です(?:が)?)?[、。 ]{0,2}…(?:書くことはできません|書けません|お応えできません|お答えできません|対応できません|お手伝いできません|作成できません|できかねます|提供できません|いたしかねます|応じられません)",
    ),
    you=r"あなた|君",
)  # fmt: skip

KOREAN = Wordings(
    assent=r"네|예|물론(?:입니다|이죠|이에요)?|알겠습니다|좋습니다|좋아요|그럼요|당연하죠|알겠어요",
    opens=(
        r"(?:다음은|아래는|여기|이것은|아래에|다음과)…(?:수정|개정|다듬|다시 쓴|버전|부분|섹션|장면|초안|이어지는|고쳐 쓴)…(?:입니다|있습니다|드립니다|이에요|예요)[:：.!]?$",
        r"(?:다음은|아래는|여기)…(?:이야기|장면|글|소설)(?:입니다|예요)[:：]$",
        r"(?:수정본|개정본|수정된 버전|다듬은 글)은…(?:같습니다|입니다)[:：.]?$",
        r"…(?:이야기|장면|부분|섹션|글)(?:의)?…(?:써 드리겠습니다|쓰겠습니다|이어 가겠습니다|이어가겠습니다|작성하겠습니다|수정했습니다|다듬었습니다)[.!:]?$",
    ),
    labels=(r"(?:수정본|개정본|최종본|수정된 (?:글|버전|장면)|다듬은 글)", r"(?:본문|이야기)"),
    closes=(
        r"…(?:수정|변경|고칠|조정|요청|의견|원하시)…(?:알려 ?주|말씀해 ?주|말해 ?주)",
        r"(?:계속|다음 (?:장면|부분|섹션)|이어서)…(?:쓸까요|써 드릴까요|진행할까요|이어 갈까요|이어갈까요|작성할까요|쓰기를 원하)",
        r"…(?:마음에 드|만족하|즐겁게 읽)…(?:좋겠습니다|바랍니다|좋겠어요)",
        r"(?:글자|단어|총 글자|총 단어) ?수 ?[:：는]…\d",
        r"(?:약|총) ?\d{2,5} ?(?:자|글자|단어)(?:입니다)?[.]?$",
        r"(?:섹션|장|부분) (?:끝|종료)[.]?$",
        r"(?:변경 사항|수정 사항|수정한 점)[:：]$",
    ),
    hopes=(r"도움이 되(?:었으면|길|기를|셨으면)…[.!]$",),
    asks=(
        r"…(?:전에|먼저|조금 더|더 자세|자세히|텍스트|본문|정보)…(?:알려 ?주|말씀해 ?주|제공해 ?주|공유해 ?주|보내 ?주)(?:시겠어요|실 수 있|세요|시겠습니까|시면)",
        r"(?:어떤|누가|얼마나)…(?:분위기|장르|문체|주인공|톤|길이)…(?:까요|나요|습니까|세요)[?]$",
    ),
    refuses=(r"(?:죄송(?:하지만|합니다(?:만)?|해요)|유감스럽지만|안타깝지만|미안하지만)[,. ]{0,3}…(?:도와드릴 수 없|도와 드릴 수 없|쓸 수 없|작성할 수 없|제공할 수 없|응할 수 없|작성해 드릴 수 없|도움을 드릴 수 없)",),
    you=r"당신|너|네가",
)  # fmt: skip

ARABIC = Wordings(
    assent=r"بالتأكيد|بالطبع|طبع[اً]{1,2}|حسن[اً]{1,2}|بكل سرور|نعم|تمام|أكيد|فهمت|على الرحب والسعة",
    opens=(
        r"(?:إليك|إليكم|فيما يلي|هذه هي|هذا هو|ها هو|ها هي|في ما يلي|أدناه)…(?:القسم|المنقح\w{0,2}|المعدل\w{0,2}|النسخة|تكملة|المشهد|الجزء|المسودة|التعديل|تتمة|المنقّح\w{0,2}|المراجع\w{0,2}|الفصل|الصياغة)",
        r"(?:إليك|إليكم|فيما يلي|هذه هي) (?:القصة|النص|المشهد)\s?[:.!]$",
        r"(?:سأكتب|سأكمل|لقد راجعت|قمت بتنقيح|قمت بمراجعة)…(?:القسم|القصة|المشهد|النص|الجزء)",
    ),
    labels=(r"(?:النسخة|القسم|النص) (?:المنقح|المنقحة|المعدل|المعدلة|النهائي|النهائية)ة?", r"(?:القصة|النص)"),
    closes=(
        r"(?:من فضلك،? |يرجى )?(?:أخبرني|أعلمني|أخبروني|لا تتردد|إعلامي)…(?:تعديل\w{0,3}|تغيير\w{0,3}|أكمل|القصة|القسم|النسخة|ملاحظات|إضافة)",
        r"هل (?:تود|تريد|ترغب|تريدني|تحب|تودّ)(?: مني)?(?: في)?(?: أن)?…(?:أكمل|أتابع|أعدل|أواصل|أغير|أستمر|أضيف)",
        r"(?:آمل|أتمنى|أرجو) أن…(?:يعجبك|تعجبك|ينال|تنال|القسم|القصة|النسخة|النص|إعجابك)",
        r"(?:عدد الكلمات|الكلمات) ?: ?…[\d٠-٩]",
        r"(?:حوالي|نحو|تقريبا|~)? ?[\d٠-٩]{1,4} كلمة[.]?$",
        r"إذا (?:كنت )?(?:تريد|ترغب|أردت|رغبت|تود)…(?:تعديل\w{0,3}|تغيير\w{0,3}|يمكنني|أخبرني|فأخبرني)",
        r"نهاية (?:القسم|الفصل|الجزء)",
        r"(?:التعديلات|التغييرات)(?: التي أجريتها)?:$",
    ),
    hopes=(r"(?:آمل|أتمنى|أرجو) أن (?:يساعدك|يفيدك|يساعد|يكون) (?:هذا|ذلك)(?: مفيدا)?[.!]$", r"هل أكمل[؟?]$"),
    asks=(
        r"(?:قبل أن …، )?هل (?:يمكنك|بإمكانك|تستطيع)…(?:إخباري|تزويدي|مشاركة|توضيح|إعطائي|تقديم)…(?:المزيد|الشخصية|النص|القسم|تفاصيل|معلومات|القصة|النبرة|النوع)",
        r"(?:يرجى|من فضلك)…(?:تزويدي|تقديم|إرسال|توضيح|مشاركة)…(?:النص|القسم|تفاصيل|معلومات|النبرة)",
        r"(?:ما|من) (?:هو|هي|هي)?…(?:النبرة|النوع|البطل|الأسلوب)…[؟?]$",
    ),
    refuses=(r"(?:عذر[اً]{1,2}|آسف|أنا آسف|أعتذر|للأسف|معذرة|المعذرة)[،,. ]{0,3}(?:ولكن(?:ني)? |لكن(?:ني)? )?(?:أنا )?(?:لا أستطيع|لا يمكنني|ليس بإمكاني|لن أتمكن|لا يمكن)…(?:مساعدت\w{1,2}|كتابة|المساعدة|إنشاء|إكمال|تلبية|تقديم|من كتابة)",),
    you=r"أنت|لك|عليك|إليك",
)  # fmt: skip

HINDI = Wordings(
    assent=r"ज़रूर|जरूर|बिल्कुल|बिलकुल|अवश्य|हाँ|हां|ठीक है|निश्चित रूप से|समझ गया|बेशक",
    opens=(
        r"(?:यहाँ|यहां|यह रहा|यह रही|ये रहा|नीचे|निम्नलिखित|प्रस्तुत है)…(?:संशोधित|खंड|भाग|संस्करण|मसौदा|अनुभाग|आगे का|पुनर्लिखित|सुधारा हुआ|अंश)",
        r"(?:यहाँ|यहां|यह रही|प्रस्तुत है)…(?:कहानी|दृश्य|पाठ)(?: है)?[:।!]$",
        r"(?:मैं|मैंने)(?: अब)?…(?:खंड|भाग|कहानी|दृश्य|अनुभाग)…(?:लिखूँगा|लिखूंगा|लिखता हूँ|संशोधित किया|लिखा है|जारी रखता)",
    ),
    labels=(r"(?:संशोधित|अंतिम|सुधारा हुआ) (?:संस्करण|खंड|भाग|पाठ|मसौदा)", r"(?:कहानी|पाठ|खंड)(?: \d{1,4})?"),
    closes=(
        r"(?:कृपया )?(?:अगर|यदि)…(?:बदलाव|परिवर्तन|संशोधन|सुधार|जारी)…(?:बताएं|बताएँ|बताइए|बता दें|बताइएगा|सकता हूँ)",
        r"(?:कृपया )?(?:मुझे )?(?:बताएं|बताएँ|बताइए)…(?:बदलाव|परिवर्तन|संशोधन|सुधार)",
        r"क्या (?:आप चाहते हैं|आप चाहेंगे|मैं)…(?:जारी|आगे लिखूँ|आगे लिखूं|बदलाव|अगला|संशोधन)",
        r"(?:आशा|उम्मीद) (?:है|करता हूँ|करता हूं)…(?:पसंद|भाग|खंड|कहानी|संस्करण)",
        r"(?:शब्द संख्या|शब्दों की संख्या|शब्द) ?: ?…[\d०-९]",
        r"(?:लगभग|करीब|~)? ?[\d०-९]{1,4} शब्द[।.]?$",
        r"(?:खंड|भाग|अनुभाग) (?:समाप्त|का अंत)",
        r"(?:किए गए )?(?:बदलाव|परिवर्तन):$",
    ),
    hopes=(r"(?:आशा|उम्मीद) है (?:कि )?(?:यह|इससे) …(?:मदद|सहायक|उपयोगी)…[।.!]$",),
    asks=(
        r"(?:शुरू करने से पहले, )?…क्या आप…(?:के बारे में|और (?:जानकारी|विवरण)|पाठ|खंड|पात्र|शैली|जानकारी|विवरण)…(?:बता|दे|साझा|प्रदान)",
        r"(?:कृपया )…(?:पाठ|खंड|जानकारी|विवरण)…(?:प्रदान करें|साझा करें|दें|भेजें)",
        r"(?:कौन सा|कैसा|किस तरह)…(?:लहजा|शैली|नायक|स्वर)…[?]$",
    ),
    refuses=(r"(?:मुझे खेद है|क्षमा करें|माफ़ करें|माफ करें|माफ़ कीजिए|खेद है|दुर्भाग्य से)[,। ]{0,3}(?:लेकिन |परंतु |किंतु |कि )?मैं…(?:नहीं कर सकता|नहीं लिख सकता|नहीं लिख सकती|नहीं कर सकती|असमर्थ|नहीं दे सकता|नहीं बना सकता)",),
    you=r"तुम|आप|तुम्हें|तुम्हारा|आपको",
)  # fmt: skip

LANGUAGES: Final = (
    ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, PORTUGUESE, DUTCH, POLISH, SWEDISH, TURKISH, RUSSIAN, UKRAINIAN, CHINESE,
    JAPANESE, KOREAN, ARABIC, HINDI,
)  # fmt: skip

SALUTATION: Final = (
    r"(?:my )?(?:dear(?:est)?|beloved)\b|to whom it may|hi\b|hello\b|liebe[rs]?\b|sehr geehrte|ch(?:er|ère|ers)\b|mon cher|ma chère|querid[oa]s?\b"
    r"|estimad[oa]s?\b|car[oaie]\b|gentile\b|prezad[oa]\b|lieve\b|beste\b|geachte\b|drog[aiy]\b|kochan[ya]\b|kära?\b|hej\b|sevgili\b|sayın\b"
    r"|дорог(?:ой|ая|ие)\b|уважаем|милый|милая|люб(?:ий|а)\b|дорог(?:ий|а)\b|шановн|亲爱的|親愛的|尊敬的|拝啓|親愛なる|.{1,20}(?:さん|様|へ)[、，:]?$"
    r"|사랑하는|친애하는|.{1,20}(?:에게|께)[,.]?$|عزيز[يتة]|عزيزتي|حبيب|प्रिय"
)  # fmt: skip
"""How letters begin; a letter may end with what a model ends with."""

PARTS: Final = {
    "section": "section|abschnitt|section|sección|sezione|seção|secção|sectie|sekcja|avsnitt|раздел|секция|القسم",
    "beat": "beat",
    "scene": "scene|szene|scène|escena|scena|cena|scen|sahne|сцена|المشهد|दृश्य",
    "part": "part|teil|partie|parte|deel|część|del|kısım|часть|частина|الجزء|भाग|खंड",
    "chapter": "chapter|kapitel|chapitre|capítulo|capitolo|hoofdstuk|rozdział|bölüm|глава|розділ|الفصل|अध्याय",
}  # fmt: skip
"""The words for parts of a text: ours first, then those that a story may have."""

NUMBER: Final = (
    r"\d{1,6}|[०-९]{1,4}|[٠-٩]{1,4}|[ivxl]{1,7}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eins|zwei|drei|vier|fünf|un|deux|trois|quatre|cinq"
    r"|uno|dos|tres|cuatro|cinco|due|tre|quattro|cinque|um|dois|três|een|twee|drie|الأول|الثاني|الثالث|первая|вторая|третья|первый|второй|третий"
    r"|перша|друга|третя|перший|другий|третій|pierwszy|drugi|trzeci|första|andra|tredje"
)  # fmt: skip
OF: Final = r"(?:of|von|sur|de|di|van|z|av|из|з|/|में से|من)"
