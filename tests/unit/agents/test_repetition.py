"""What a text says twice is found, in any script, and quoted as it stands; a clean text gives no note. And how words
are counted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.agents.repetition import MAX_NOTES, find_repetition
from coordinator.storable import storable
from coordinator.story.material import Note, Section
from coordinator.story.words import count_words


def sections(*texts: str) -> list[Section]:
    return [Section(number=number, text=text) for number, text in enumerate(texts, 1)]


def check(found: list[Note], read: list[Section]) -> None:
    for note in found:
        assert note.section is not None
        assert note.quote
        assert note.quote in read[note.section - 1].text
    assert len(found) <= MAX_NOTES


CLEAN = {
    "english": (
        """Ines counted the trays twice before she let the boy carry them out. The street was already loud with carts,
and somebody had left a dead swan on the step of the chapel.

“Whose is it?” the boy asked.

“Nobody's. Walk round.” She wiped flour from the ledger and found the page she had been avoiding since Lent.""",
        """By noon the river stood at the second mark. Old Teodor came in for his rye and paid with a button, as he did
every Thursday, and Ines wrote the button down.

Nothing in the recipe was difficult. It asked for salt, for time, and for a kind of silence that her sister had never
managed.""",
    ),
    "chinese": (
        "林小雨把最后一封信放进包里，抬头看了看天。巷口的老槐树下，卖豆腐的人正在收摊。\n\n“今天怎么这么晚？”卖豆腐的人问。",
        "信封上没有寄信人，只有一枚歪斜的邮戳，日期写着明天。她想起母亲生前常说，邮局从不出错。\n\n雨终于落下来，打湿了她的袖口。",
    ),
    "arabic": (
        "خرج الصياد قبل الفجر وحمل شبكته القديمة على كتفه. كان البحر هادئا كأنه ينتظر.\n\nقالت زوجته: لا تتأخر اليوم.",
        "وجد في بطن السمكة مفتاحا صغيرا لا يشبه مفاتيح القرية. سأل الحداد والقاضي ثم جلس وحده أمام الباب المغلق.",
    ),
    "dossier": (
        """**Item #:** SCP-4821

**Object Class:** Euclid

**Special Containment Procedures:** SCP-4821 is kept at Site-40.""",
        """**Addendum 4821-1:** SCP-4821 was opened.

[02:14] Dr. Osei: Is it empty?

[02:15] Dr. Osei: Then who signed?

[02:17] Dr. Osei: Close the drawer.

Agent Amara Lind: Nobody did.

Agent Amara Lind: It was locked from within.

**Agent Amara Lind:** Closing it now.""",
    ),
}

TWICE = {
    "english": ("The kettle sang on the blue stove.", "“The kettle SANG on the blue stove!”"),
    "chinese": ("她把信放在窗台上，灯光慢慢暗下去。", "她把信放在窗台上，灯光慢慢暗下去。"),
    "arabic": ("فَتَحَ الصيادُ بطن السمكة أمام القاضي.", "فتح الصياد بطن السمكة أمام القاضي."),
}


@pytest.mark.parametrize("read", CLEAN.values(), ids=CLEAN.keys())
def test_a_clean_text_gives_no_note(read: tuple[str, ...]) -> None:
    assert find_repetition(sections(*read)) == []


@pytest.mark.parametrize("language", TWICE)
def test_a_sentence_that_comes_twice_is_found(language: str) -> None:
    first, again = TWICE[language]
    one, two = CLEAN[language]
    read = sections(f"{one} {first}", f"{two}\n\n{again}")
    found = find_repetition(read)
    check(found, read)
    assert len(found) == 1
    assert found[0].section == 2
    assert found[0].quote.strip("“”!。.") == again.strip("“”!。.")
    assert found[0].comment == "This sentence stands already in section 1; say it another way."


def test_short_sentences_may_come_back() -> None:
    assert (
        find_repetition(sections("He said nothing. She left.", "Rain. He said nothing.", "Wind. He said nothing."))
        == []
    )


OPENINGS = {
    "english": ("Nobody had seen {}", ["the swan fall.", "a boat since Lent.", "Teodor pay in coin."]),
    "chinese": ("没有人知道{}", ["钥匙在哪里。", "雨什么时候停。", "豆腐摊去了别处。"]),
    "arabic": ("لم ير أحد {}", ["القارب منذ الصباح.", "مفتاح الباب الكبير.", "زوجة الحداد تبكي."]),
}


@pytest.mark.parametrize("language", OPENINGS)
def test_paragraphs_that_open_alike_are_found_in_neighbouring_sections(language: str) -> None:
    pattern, ends = OPENINGS[language]
    one, two = CLEAN[language]
    first, second, third = (pattern.format(end) for end in ends)
    read = sections(f"{first}\n\n{one}", f"{two}\n\n{second}\n\n{third}")
    found = find_repetition(read)
    check(found, read)
    assert [note.section for note in found] == [2]
    assert third.startswith(found[0].quote)
    assert found[0].comment.startswith("3 paragraphs in sections 1 and 2 begin")
    far = sections(first, one, two, "x", second, "y", "z", third)
    assert find_repetition(far) == []


PHRASES = {
    "english": (
        "the taste of old copper pennies",
        "He woke with {} again.",
        "It was {}, she thought.",
        "Then came {} and a cough.",
    ),
    "chinese": ("旧木桌上的铜钥匙", "他看见{}。", "母亲拿走了{}吗？", "雨声里，{}闪了一下。"),
    "arabic": ("رائحة الحديد المحترق القديم", "شم {} في الغرفة.", "عادت {} مع الريح.", "تذكر الرجل {} فجأة."),
}


@pytest.mark.parametrize("language", PHRASES)
def test_a_rare_phrase_used_three_times_is_found_whole(language: str) -> None:
    phrase, first, second, third = PHRASES[language]
    one, two = CLEAN[language]
    read = sections(f"{one} {first.format(phrase)}", f"{two} {second.format(phrase)}", third.format(phrase))
    found = find_repetition(read)
    check(found, read)
    assert [(note.section, note.quote) for note in found] == [(3, phrase)]
    assert found[0].comment == "This phrase is used 3 times, in sections 1, 2 and 3; keep it once."
    assert find_repetition(read[:2]) == []


def test_names_and_function_words_alone_are_no_phrase() -> None:
    read = sections(
        "Rain fell and Captain Yusra Haddad Osman slept. It was at the end of the watch.",
        "Below, Captain Yusra Haddad Osman read. The bell rang at the end of the corridor.",
        "Later Captain Yusra Haddad Osman wrote. Snow lay at the end of the pier.",
    )
    assert find_repetition(read) == []


def test_german_nouns_are_not_taken_for_names() -> None:
    phrase = "Geruch nach Kupfer und Regen"
    read = sections(
        f"Am Morgen lag ein {phrase} über dem Hof, und die Magd trug Wasser in den Stall.",
        f"Der Schmied brachte den {phrase} mit in die Stube, wo der Vater seine Briefe las.",
        f"Noch im Winter hing der {phrase} in den Mänteln, die keiner mehr tragen wollte.",
    )
    assert [note.quote for note in find_repetition(read)] == [phrase]


def test_the_worst_comes_first_and_there_are_at_most_twelve() -> None:
    plain = [f"The {word} clock stopped before anyone had paid for it number {word}." for word in map(str, range(30))]
    worst = "A grey heron stood in the flooded nave."
    read = sections(" ".join(plain), " ".join([*plain, worst, worst]), worst + " " + worst)
    found = find_repetition(read)
    check(found, read)
    assert len(found) == MAX_NOTES
    assert found[0].quote == worst
    assert "(4 times in all)" in found[0].comment


def test_a_sentence_without_end_is_quoted_in_part() -> None:
    endless = "word " * 3_000
    read = sections(endless, endless)
    found = find_repetition(read)
    check(found, read)
    assert len(found[0].quote) <= 300


@given(
    st.lists(
        st.text(alphabet=st.sampled_from("ab中の กا.。!?\n “”—*:1"), max_size=80) | st.text().map(storable), max_size=5
    )
)
def test_quotes_always_stand_in_the_text(texts: list[str]) -> None:
    read = sections(*texts)
    check(find_repetition(read), read)


def test_a_novel_is_read_in_half_a_second() -> None:
    words = [
        f"{first}{second}{third}"
        for first in ("ba", "co", "di", "fu")
        for second in "lmnrst"
        for third in ("a", "ox", "im")
    ]
    steps = iter(range(10**9))
    texts = []
    for _ in range(75):
        parts = [
            " ".join(words[(next(steps) * 7919 + place * place) % len(words)] for place in range(13)) for _ in range(31)
        ]
        texts.append(". ".join(parts))
    read = sections(*texts)
    assert sum(count_words(section.text) for section in read) > 30_000
    best = min(_time(read) for _ in range(3))
    assert best < 0.5


def _time(read: list[Section]) -> float:
    start = time.perf_counter()
    find_repetition(read)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "text", ["-" * 100_000, "[" * 100_000, "a" * 100_000, " ." * 50_000, "她" * 30_000, "“" * 50_000]
)
def test_odd_texts_take_no_longer(text: str) -> None:
    assert _time(sections(text)) < 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("One two  three\nfour", 4),
        ("# A **bold** word — and\n\n* * *\n\n- one well-being", 6),
        ("邮递员收到一封信，很惊讶。", 11),
        ("他说 OK 了", 4),
        ("ラーメンが好き", 7),
        ("안녕하세요 세계", 2),
        ("قصة قصيرة عن صياد", 4),
        ("🌧️ + 🕰️ + 🐈 = ?", 0),
        ("สวัสดีชาวโลก", 3),
        ("C'était l'été.", 2),
        ("𠮷野", 2),
    ],
)
def test_words_are_counted_as_word_processors_do(text: str, words: int) -> None:
    assert count_words(text) == words


@given(st.lists(st.text("aé9_-—*“\u0301 \n\u3000\x1c", max_size=8)).map(" ".join))
def test_a_word_is_what_has_a_letter_or_a_digit(text: str) -> None:
    assert count_words(text) == sum(any(character.isalnum() for character in word) for word in text.split())


@given(st.text(), st.text())
def test_words_add_up(first: str, second: str) -> None:
    assert count_words(f"{first} {second}") == count_words(first) + count_words(second)
    assert count_words(first) <= max(len(first), 0)
