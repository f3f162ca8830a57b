"""Which language a prompt is written in, of which a few words are all there is. Pure."""

from __future__ import annotations

import re

from coordinator.story.language import language_of

OTHERWISE = "en"

# What a prompt of a few words may have: more words of each language, those of several languages under each.
_SHORT = {
    "en": (
        "the a an and of to that with from his her their its who whose which when where while about into "
        "every each story write make tell no not one two three is are was were has have had he she it they we "
        "you i my your our this finds keeps wants must will can never always only by for at on if or but be "
        "as so more less please"
    ),
    "fr": (
        "le la les un une des du de et qui que dans pour avec sur est sa son ses au aux il elle je ne pas une "
        "par sans chaque vieux vieille écris écrivez raconte histoire conte d l qu s n c où très mais ou leur "
        "sont petite petit à ce cette"
    ),
    "de": (
        "der die das ein eine einer eines einem einen und von mit dem den im ist nicht auf für zu sich sie er "
        "es ich schreibe schreib erzähle geschichte über wird hat alte alter jeder jede jeden ihr ihre sein "
        "seine letzte wer wie wenn aus bei nach vor oder aber kein keine zur zum am vom als auch nur"
    ),
    "es": (
        "el la los las un una unos y de del que en con para por su sus es una se al lo no cuento historia "
        "escribe escribir cuéntame sobre vieja viejo cada cuando donde pero más hay tiene está sin quien mi "
        "había ella él como"
    ),
    "it": (
        "il lo la gli le un uno una e di del della dei delle che con per su nel nella è non si al alla dal "
        "storia racconto scrivi raccontami vecchio vecchia ogni chi dove quando ma più suo sua suoi in ha lei "
        "lui come sotto"
    ),
    "pt": (
        "o a os as um uma e de do da dos das que com para por em no na nos nas seu sua é não se ao uma "
        "história conto escreva escreve conte velho velha cada quando onde mas mais há tem sem quem ela ele "
        "como sobre"
    ),
    "nl": (
        "de het een en van met voor op in is niet dat die zijn haar hij zij ze er aan bij om naar uit over "
        "verhaal schrijf vertel oude elke wie waar wanneer maar meer geen heeft wordt zonder als ook nog mijn"
    ),
    "sv": (
        "en ett och att det som är på för med av till den i inte hon han sin sitt sina om från var har de jag "
        "skriv berätta historia saga gammal gamla varje vem när men mer utan eller hos under ska"
    ),
    "da": (
        "en et og at det som er på for med af til den i ikke hun han sin sit om fra var har de jeg skriv "
        "fortæl historie gammel gamle hver hvem når men mere uden eller hos der"
    ),
    "pl": (
        "i w z na do nie się że jest o po ze jak co który która które ale jej jego dla od przez przy był była "
        "opowiadanie historia napisz opowiedz stary stara każdy każdej kto gdzie kiedy bez więcej ma pod nad "
        "swój swoją"
    ),
    "tr": (
        "bir ve bu için ile da de ne gibi çok ama daha olan her o onun kadar hikaye hikâye öykü yaz anlat "
        "eski yaşlı kim nerede zaman sonra değil var yok kendi üzerine hakkında mi mı"
    ),
    "fi": ("ja on ei se että joka oli hän kun niin mutta kirjoita kertomus tarina vanha kuka missä jossa ovat"),
    "cs": (
        "a v se na je že z do který která ale jeho její pro od příběh napiš starý stará každý kdo kde když není o ve"
    ),
    "ro": (
        "și un o de la în cu care pe nu este din sau dar mai fără povestea scrie despre bătrân fiecare cine unde când"
    ),
    "hu": ("a az egy és hogy nem van volt aki ami de mint csak írj történet mese öreg minden ki hol mikor"),
}
_WORDS = {tag: frozenset(words.split()) for tag, words in _SHORT.items()}
_LETTERS = {
    "de": "ßäöü", "fr": "êèëïœùûîôçàé", "es": "ñáéíóú", "pt": "ãõçâêôáéíóú", "it": "òìèàù", "pl": "łąęśćńżź",
    "tr": "şğıİçöü", "sv": "åäö", "da": "æøå", "cs": "řůěščžý", "ro": "șțăâî", "hu": "őűöüáé", "fi": "äö",
}  # fmt: skip
_OWN_LETTERS = frozenset("ßñãõłąęśćńżźşğıåæøřůěșțőű")
"""Letters that hardly any borrowed word has."""
_PROMPT = 4_000
"""Characters of a prompt that are looked at."""


def prompt_language(text: str) -> str:
    """The tag of the language of a prompt, which may be a few words only; `en` where nothing tells otherwise.

    Unlike prose, a prompt that has as many English words as another language's counts as English, whatever names
    it has.
    """
    text = text[:_PROMPT]
    letters = [character for character in text if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters)
    if not letters or latin <= len(letters) / 2:
        return language_of(None, text) if letters else OTHERWISE
    words = re.findall(r"[^\W\d_]+", text.lower())
    votes = {tag: float(sum(word in known for word in words)) for tag, known in _WORDS.items()}
    for tag, marks in _LETTERS.items():
        # An accent proves little where the rest is English: `café`, `Étienne`.
        for word in words:
            if found := {mark for mark in marks if mark in word}:
                votes[tag] += 0.6 if found & _OWN_LETTERS else 0.3
    votes["es"] += 2 * bool({"¿", "¡"} & set(text))
    best = max(votes, key=lambda tag: (votes[tag], tag == OTHERWISE))
    if best == OTHERWISE or votes[best] <= votes[OTHERWISE]:
        return OTHERWISE
    # One small word may be a name's or English: `Die`, `La Vera`, `Otto de Groot`.
    told = votes[best] >= 2 or (len(words) <= 3 and votes[best] >= 1 and words[0] in _WORDS[best])
    return best if told and votes[best] >= len(words) / 8 else OTHERWISE
