"""In which language a text is: by its script, and within one by the words and letters that only it has. Pure.

No library: those that are as sure (langid and its like) take a second and a hundred megabytes to begin with. Where the
votes do not agree it is silent.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

NAMES: Final = {
    "ar": "arabic العربية عربي", "bg": "bulgarian български", "bn": "bengali bangla বাংলা", "ca": "catalan català",
    "cs": "czech čeština česky", "da": "danish dansk", "de": "german deutsch", "el": "greek ελληνικά", "en": "english",
    "es": "spanish español castellano", "et": "estonian eesti", "fa": "persian farsi فارسی", "fi": "finnish suomi",
    "fr": "french français francais", "he": "hebrew עברית", "hi": "hindi हिन्दी हिंदी", "hr": "croatian hrvatski",
    "hu": "hungarian magyar", "id": "indonesian", "it": "italian italiano", "ja": "japanese 日本語",
    "ko": "korean 한국어", "lt": "lithuanian", "lv": "latvian", "nb": "norwegian norsk", "nl": "dutch nederlands",
    "pl": "polish polski", "pt": "portuguese português portugues", "ro": "romanian română", "ru": "russian русский",
    "sk": "slovak slovenčina", "sl": "slovenian slovene", "sr": "serbian српски", "sv": "swedish svenska",
    "ta": "tamil தமிழ்", "th": "thai ไทย", "tr": "turkish türkçe", "uk": "ukrainian українська", "ur": "urdu اردو",
    "vi": "vietnamese", "zh": "chinese mandarin cantonese 中文 汉语 漢語 普通话 简体中文 繁體中文",
}  # fmt: skip
"""By tag: its names in small letters, the English one first."""
_BY_NAME = {name: tag for tag, names in NAMES.items() for name in names.split()}

LONGEST_LOOKED_AT = 4_000
"""Letters; the first pages tell."""

LATIN_ENDS = "\u0250"
LEAST_VOTES = 1.5
"""Votes for the best language of a text, and fewer tell nothing: two words that few others have."""
LEAD = 1.4
"""The best has so many times the votes of the next, or it is not sure."""
LEAST_TOLD, AHEAD, TOLD_IN = 2, 1.3, 8
"""Of a prompt that is not sure: so many votes for its language, so many times those for the one that it would otherwise
be, and one for so many words."""
LEAST_LETTERS = 8
"""Of a script; fewer are a name or a quotation."""

_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)
_LETTERS_OF_WORD = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[^\W\d_]{1,40}(?:'[^\W\d_]{1,20})?")
_ELISION = re.compile(r"[^\W\d_]{1,6}'")

_BY_SCRIPT = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "ARABIC": "ar", "HEBREW": "he", "CYRILLIC": "ru",
    "GREEK": "el", "THAI": "th", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "GEORGIAN": "ka",
    "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "ETHIOPIC": "am", "TELUGU": "te", "GUJARATI": "gu",
}  # fmt: skip

_OWN = {
    "CYRILLIC": {"be": "ў", "uk": "іїєґ", "sr": "јљњћђџ", "kk": "әғқңөұүһ", "ru": "ыэё"},
    "ARABIC": {"ur": "ٹڈڑے", "fa": "پچژگپچژگپچژگپچژگکی", "ar": "يكةىأإ"},
}
"""Letters that tell languages of one script apart, the rarest language first; who stands here twice counts twice."""
_COMMONEST = {"CYRILLIC": "ru", "ARABIC": "ar"}

# The commonest words of prose. Those that several languages share count less for each.
_WORDS = {
    "ru": (
        "и в не на что он она как это его ее но по из за от к у же ему ей они все так был была было с о для "
        "то когда если уже или только нет где во со ни под при без до их нее него себя потом там "
    ),
    "uk": (
        "і в не на що він вона як це його її але по з за від до у та й йому їй вони все так був була було для про "
        "то коли якщо вже або тільки немає де під при без їх неї нього себе потім там "
    ),
    "bg": (
        "и в не на че той тя как това го но по от за до у е са да се ще си беше му ѝ те със за към или само когато "
        "ако вече няма къде под при без ги нея него после там като има "
    ),
    "en": (
        "the and of to was his her that with had not she he it is you for at they we but were have this from are "
        "be by which what who when my me as on in him there their would could then if so no all out up into i a an "
        "or one how will about been has your our than over down after back where before through did just them only "
        "these off other some its own finds every never can does don't didn't it's writes until "
    ),
    "de": (
        "der die und das nicht ist sie ein eine mit den war auf er es ich zu dem des im von sich wie für aber auch "
        "an als hatte wird dass sein ihr ihre seine einen einem einer noch nach so aus bei wenn nur wir nichts was "
        "um mich mir dann schon über vor durch doch wurde hat sind werden man wer wo kein keine unter bis zum zur "
        "oder findet ohne jeder "
    ),
    "fr": (
        "le la les un une des et est dans pas qui que elle il je ne pour avec sur du au aux se ce cette son sa ses "
        "par mais plus était avait sont être ont comme nous vous tout sans où lui leur même bien si en y d'un "
        "d'une c'est j'ai n'est qu'il qu'elle ou à on ils fait deux quand rien jamais encore mon ma entre sous "
        "très écrivez découvre chaque "
    ),
    "es": (
        "el la los las una un y en que de del no se con por su sus para como más pero ella él era había es al lo "
        "le me mi cuando porque qué este esta desde sin sobre ya muy todo también hay está fue nada donde hasta "
        "entre o si yo tú ese esa uno dos son han tenía sólo solo así encuentra descubre cada ni "
    ),
    "it": (
        "il la di che e è un una non del della con per le gli i lo era si da nel nella sono ma più come al alla su "
        "mi suo sua aveva anche ha quando tutto questo questa dei delle cosa se perché o ed dal dalla ci senza poi "
        "già ancora io lui lei loro dove qui così fu stato scopre trova ogni tra fino sul sulla nei ne degli "
    ),
    "pt": (
        "o a os as um uma não de do da dos das com em no na nos nas que para por se ele ela era seu sua mais mas "
        "como ao à foi tinha é são ou já até quando também muito sem sobre pelo pela isso este esta essa esse eu "
        "me meu minha havia está só onde nada tudo depois quem ainda nem num numa então descobre encontra cada às "
        "aos entre desde você "
    ),
    "nl": (
        "het een van niet dat zijn haar met was ze en de in is hij op te aan voor er maar om had ook als die bij "
        "naar uit nog dan zich door over geen wat mijn ik je we wij zij hem ons werd worden wordt heeft hebben "
        "waar toen dit deze tot al kan zo onder meer of tegen hun wie weer na vindt ontdekt schrijf elke "
    ),
    "pl": (
        "nie się że jest na był jak ale jej do w z i to o po od za co tak go jego tylko już przez dla są ma czy "
        "przy być była było były może mnie mu nad pod który która które gdy kiedy gdzie ich ten ta te tego tej tym "
        "bez jeszcze bardzo potem ze we lub także jako został została sobie jestem niż przed między odkrywa każdy "
        "każdej nigdy swoją swój "
    ),
    "sv": (
        "och att det som inte var hon han med på en är den för till av i om jag men hade ett sig från de så har "
        "kan vid när dem hans hennes vad mot ut upp nu bara efter under över eller skulle ska din min sin sitt "
        "sina utan något ingen där då alla mycket också än blev genom mig upptäcker hittar varje aldrig "
    ),
    "da": (
        "og at det som ikke var hun han med på en er den for til af i om jeg men havde et sig fra de så har kan "
        "ved når dem hans hendes hvad mod ud op nu kun efter under over eller skulle skal din min sin sit uden "
        "noget ingen der da alle meget også end blev gennem mig hver aldrig hvor ham "
    ),
    "nb": (
        "og at det som ikke var hun han med på en er den for til av i om jeg men hadde et seg fra de så har kan "
        "ved når dem hans hennes hva mot ut opp nå bare etter under over eller skulle skal din min sin sitt uten "
        "noe ingen der da alle mye også enn ble gjennom meg hver aldri hvor ham "
    ),
    "fi": (
        "ja on ei että se oli hän joka mutta kuin ovat hänen ole niin kun myös tai sen vain jo en sitä mitä mikä "
        "siitä olivat minä sinä me he ne tämä tässä sitten nyt kanssa ennen jos kaikki mukaan sekä olla ollut "
        "hänet jotka jonka vielä ilman "
    ),
    "tr": (
        "bir ve bu için ama gibi çok daha ne de da o ile her şey ben sen onu ona onun var yok değil kadar sonra "
        "diye olarak olan oldu en ki mi mı mu mü hiç bile şimdi zaman önce içinde üzerinde tüm ya veya ancak nasıl "
        "neden bana beni benim kendi sadece iki şu ise vardı idi olduğu olduğunu yazın "
    ),
    "cs": (
        "se na je že by jsem v a to s z do o ale jak po pro za si byl byla bylo jeho její tak už co jen když nebo "
        "od ve ze kde který která které jako jsou není než ještě před až ani pak nad pod mezi bez také ho mu ji "
        "jim tam byli má jejich "
    ),
    "sk": (
        "sa na je že by som v a to s z do o ale ako po pre za si bol bola bolo jeho jej tak už čo len keď alebo od "
        "vo zo kde ktorý ktorá ktoré sú nie než ešte pred až ani potom nad pod medzi bez aj ho mu ju im tam boli "
        "má ich "
    ),
    "hr": (
        "je se na u i da su za od s nije bio bila bilo kao što koji koja koje ali ili sam ga joj mu još kad kada "
        "kako samo iz do po o te ni više bez već ne li će to njegov njezin nego ako pod nad pred oni ona on smo "
    ),
    "sl": (
        "je in se na v da so za od z ni bil bila bilo kot ki pa ali sem ga še ko kako samo iz do po o tudi ne če "
        "to njegov njena pod nad pred ter sta bi "
    ),
    "ro": (
        "și în de la cu nu a pe că o un din să se este pentru au care mai ca era ce fi lui dar după sau fost al ei "
        "el ea sunt prin despre unde când fără avea dintre aceasta acest această între până doar nimic îi își "
        "într-o într-un ale lor "
    ),
    "hu": (
        "a az és hogy nem egy is volt meg de csak ez ha van már azt el mint ki vagy még után volna mert aki ami be "
        "fel őt ezt neki nincs majd itt ott között alatt felett nélkül minden soha egyik lehet "
    ),
    "vi": (
        "và của là có không một được cho trong người với những các đã khi này để đến từ nhưng ra vào cũng về như ở "
        "anh tôi cô ông bà nó thì còn lại đi làm "
    ),
    "id": (
        "yang dan di itu dengan untuk tidak dari dalam ini pada ke adalah akan dia juga saya telah oleh karena "
        "bisa ada mereka seorang sebuah sudah kita aku tapi tetapi seperti atau hanya lebih kami bahwa "
    ),
    "ca": (
        "el la els les un una i de del no que amb per en és era va a als dels al però més com quan seva seu han "
        "són hi ha ho li es aquest aquesta sense fins també on molt havia perquè d'un d'una hem tot només entre "
        "sobre "
    ),
    "et": (
        "ja on ei et see oli ta mis kui aga ka oma nii või siis kes seda tema ning olid selle pole ma me nad üks "
        "kuid juba välja veel nagu "
    ),
    "lv": ("un ir ka no uz ar par bija kas viņa viņš bet nav to tas tā pie kā vai arī pēc savu tika līdz kad kur gan "),
    "lt": ("ir yra kad ne su iš į buvo jo jos bet kaip tai per po apie kuris kurie savo jis ji nuo už ar dar tik kai "),
    "sq": ("dhe të në një për me që e i nga është ishte nuk si më do ka kjo ky se por tij saj "),
    "eu": ("eta da du ez bat izan zen ere dira zuen hau baina egin dute edo "),
    "is": ("og að er ekki hann hún það sem var með á í til af um en við þegar fyrir ég þú hans hennar frá sér þeir "),
    "ga": ("agus an na ar is tá bhí sé sí le do go ag ní leis aon ina "),
    "af": ("die en van het nie in is dit sy hy met was om te vir op dat aan as ek jou haar ons by 'n daar "),
    "eo": ("kaj la de en estas ne al li ŝi ĝi kun por ke sed estis el mi vi tiu kiu pri sur "),
    "la": ("et in est non ad cum qui quod ut sed ex per sunt quam aut ab hoc si nec erat esse eius "),
    "tl": ("ang ng sa na mga ay ni at si niya hindi para kung ito ko mo siya sila nang may "),
    "cy": ("yn y a i o ac ar yr ei mae oedd ond gan wedi nid eu hi fel am "),
}
_ELIDED = {
    "fr": "l' d' qu' n' s' j' c' m' t'",
    "it": "l' un' dell' all' nell' dall' sull' c' d'",
    "ca": "l' d' s' n' m'",
}
_LETTERS = {
    "de": "ß", "es": "ñ¿¡", "pt": "ãõ", "pl": "łąęśźżćń", "tr": "ğış", "cs": "řěů", "sk": "ľĺŕô", "hu": "őű",
    "ro": "țșăţ", "vi": "ơưđạảấầẩậắằặẹẻẽếềểệịỉọỏốồổộớờởợụủứừửựỳỵỷỹ", "is": "ðþ", "hr": "đ", "fr": "œ",
    "lv": "āēīūķļņģ", "lt": "ėįųū", "et": "õ",
}  # fmt: skip


def identified(text: str) -> str | None:
    """The tag of the language that a text is surely in; None where that is not sure. Looks at its beginning alone, for
    a few milliseconds at most."""
    letters = _sample(text)
    scripts = Counter(map(script_of, letters))
    if not scripts:
        return None
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana > len(letters) / 20:
        return "ja" if kana + scripts["CJK"] > len(letters) / 2 and len(letters) >= LEAST_LETTERS else None
    script, count = scripts.most_common(1)[0]
    if script == "LATIN":
        return _by_votes(_votes(text))
    least = 2 * LEAST_LETTERS if script == "CJK" else LEAST_LETTERS
    if count < least or count <= len(letters) / 2:
        return None
    if script in _OWN:
        return _own_letters(script, letters) or _by_votes(_votes(text))
    return _BY_SCRIPT.get(script)


def of_prompt(text: str, otherwise: str = "en") -> str:
    """The tag of the language of a prompt, which may be a few words only; `otherwise` where nothing tells another one:
    a name or a borrowed word in it does not."""
    if sure := identified(text):
        return sure
    letters = _sample(text)
    if not letters or sum(character < LATIN_ENDS for character in letters) <= len(letters) / 2:
        return language_of(None, text, otherwise)
    votes = _votes(text)
    best = max(votes, key=lambda tag: (votes[tag], tag == otherwise), default=otherwise)
    least = max(LEAST_TOLD, len(_TOKEN.findall(text[: 4 * LONGEST_LOOKED_AT])) / TOLD_IN)
    told = votes.get(best, 0) >= least and votes[best] >= AHEAD * votes.get(otherwise, 0)
    return best if told else otherwise


def language_of(wanted: str | None, text: str, otherwise: str = "en") -> str:
    """The BCP 47 tag of what the writer wished (`French`, `fr`, `pt-BR`), where it names a language; otherwise the best
    guess from the text. `otherwise` where nothing tells."""
    if wanted and (tag := named(wanted)):
        return tag
    letters = _sample(text)
    if not letters:
        return otherwise
    tag = _by_script(letters) or otherwise
    if tag != "Latin":
        return tag
    votes = _votes(text)
    return max(votes, key=lambda each: (votes[each], each == otherwise)) if votes else otherwise


def named(wanted: str) -> str | None:
    """The tag of the language that is named, by its name, in it or in English, or by a tag."""
    words = [word.casefold() for word in _LETTERS_OF_WORD.findall(wanted[:200])]
    for word in words:
        if word in _BY_NAME:
            return _BY_NAME[word]
    return wanted.strip() if words and _TAG.fullmatch(wanted.strip()) and words[0] in NAMES else None


def languages_named_in(text: str) -> set[str]:
    """The tags of all languages that a text speaks of by their names."""
    return {_BY_NAME[word] for word in map(str.casefold, _LETTERS_OF_WORD.findall(text)) if word in _BY_NAME}


def english_name(tag: str) -> str:
    """`French` for `fr`; the tag itself where it has none here."""
    return NAMES.get(primary(tag), tag).partition(" ")[0].capitalize()


def primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


@lru_cache(maxsize=4_096)
def script_of(character: str) -> str:
    """The first word of the character's name in Unicode, as `ARABIC`; empty for one without a name."""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]


def _sample(text: str) -> list[str]:
    return [character for character in text[: 4 * LONGEST_LOOKED_AT] if character.isalpha()][:LONGEST_LOOKED_AT]


def _by_script(letters: list[str]) -> str | None:
    """The language of a script; `Latin` for that one, None where no script has a third of the letters."""
    scripts = Counter(map(script_of, letters))
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > len(letters) / 20:
        return "ja"
    script, count = scripts.most_common(1)[0]
    if count <= len(letters) / 3:
        return None
    if script in _OWN:
        return _own_letters(script, letters) or _COMMONEST[script]
    return _BY_SCRIPT.get(script, "Latin")


def _own_letters(script: str, letters: list[str]) -> str | None:
    """By the letters that one of the languages of a script has; of several, the one that has most of them."""
    counts = Counter("".join(letters).lower())
    found = {tag: sum(counts[letter] for letter in own) for tag, own in _OWN[script].items()}
    best = max(found, key=lambda tag: found[tag])
    if script == "CYRILLIC" and not found[best]:
        return "bg" if counts["ъ"] > len(letters) / 100 else None
    return best if found[best] else None


def _by_votes(votes: Mapping[str, float]) -> str | None:
    ordered = sorted(votes.items(), key=lambda vote: -vote[1])[:2]
    if not ordered or ordered[0][1] < LEAST_VOTES:
        return None
    return ordered[0][0] if len(ordered) == 1 or ordered[0][1] >= LEAD * ordered[1][1] else None


def _votes(text: str) -> Mapping[str, float]:
    """For each language how much of a text in Latin letters is its own: words that many share count little."""
    words, letters = _electorate()
    votes: defaultdict[str, float] = defaultdict(float)
    for token in _TOKEN.findall(text[: 4 * LONGEST_LOOKED_AT].lower().replace("’", "'")):
        for tag, weight in words.get(token, ()):
            votes[tag] += weight
        if "'" in token and token not in words and (elided := _ELISION.match(token)):
            for tag, weight in (*words.get(elided[0], ()), *words.get(token[elided.end() :], ())):
                votes[tag] += weight
        for letter in set(token):
            for tag, weight in letters.get(letter, ()):
                votes[tag] += weight
    return votes


@cache
def _electorate() -> tuple[dict[str, list[tuple[str, float]]], dict[str, list[tuple[str, float]]]]:
    words: dict[str, set[str]] = {}
    letters: dict[str, set[str]] = {}
    for tag, commonest in _WORDS.items():
        for word in f"{commonest} {_ELIDED.get(tag, '')}".split():
            words.setdefault(word, set()).add(tag)
    for tag, marks in _LETTERS.items():
        for letter in marks:
            letters.setdefault(letter, set()).add(tag)
    return (
        {word: [(tag, len(tags) ** -0.5) for tag in tags] for word, tags in words.items()},
        {letter: [(tag, 1 / len(tags)) for tag in tags] for letter, tags in letters.items()},
    )
