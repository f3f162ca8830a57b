"""A story as a book: its text and what its title page says. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

from coordinator.export.language import is_right_to_left
from coordinator.story.language import language_of

if TYPE_CHECKING:
    # Not where a book is printed, which is a process a book.
    from coordinator.models import Session, Story

GENERATOR = "Storyloom"
UNTITLED = "Untitled"
NAME_BYTES = 200
"""Of a file's name in UTF-8, its ending included; file systems take 255, and a browser may put `(1)` to it."""
SIMPLE_LENGTH = 80

# What XML, and so docx and epub, can't hold; and what turns the direction of the text that follows it for good.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e]"
)
_NOT_IN_A_NAME = re.compile(r'[\\/:*?"<>|]')
_JOINERS = "\u200c\u200d"
"""Part of how a word of Persian or an emoji looks."""
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:[. ].*)?")
"""By Windows, whatever their ending is."""


@dataclass(frozen=True, slots=True)
class Book:
    """`content` is Markdown, as the writer's or the agents' text is. `author` is empty where nobody gave a name."""

    id: UUID
    title: str
    author: str
    language: str
    model: str
    date: date
    content: str

    @property
    def direction(self) -> str:
        return "rtl" if is_right_to_left(self.language) else "ltr"

    @property
    def colophon(self) -> str:
        """In no language, because the book may be in any."""
        return f"{GENERATOR} · {self.model} · {self.date:%Y-%m-%d}"

    @property
    def midnight(self) -> int:
        """When its day begins, in seconds since 1970: the time of all that is printed of it."""
        return int(datetime(self.date.year, self.date.month, self.date.day, tzinfo=UTC).timestamp())

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "id": str(self.id), "date": self.date.isoformat()}

    @classmethod
    def of(cls, given: dict[str, Any]) -> Book:
        return cls(**{**given, "id": UUID(given["id"]), "date": date.fromisoformat(given["date"])})


def book_of(session: Session, story: Story, author: str = "") -> Book:
    """The book of a session's current text."""
    content = clean(story.content)
    title = " ".join(clean(story.title).split()) or UNTITLED
    return Book(
        session.id,
        title,
        " ".join(clean(author).split()),
        language_of(session.config.language, f"{title}\n{content}"),
        clean(story.model),
        story.created_at.date(),
        content,
    )


def clean(text: str) -> str:
    """The text without control characters, lone surrogates and what else a document can't hold."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def markdown(book: Book) -> str:
    """The text as it is kept, under its title unless it opens with that itself."""
    first = book.content.lstrip().partition("\n")[0]
    if first.startswith("#") and first.strip("# ").casefold() == book.title.casefold():
        return book.content.strip() + "\n"
    byline = f"*{book.author}*\n\n" if book.author else ""
    return f"# {book.title}\n\n{byline}{book.content.strip()}\n"


def disposition(title: str, extension: str) -> str:
    """A Content-Disposition that names the download by the title: in ASCII for old clients, whole for all others. No
    name is longer than NAME_BYTES, hidden, or one that a file system or a shell gives another meaning."""
    whole = _named(_cut(_allowed(title), NAME_BYTES - len(extension) - 1))
    letters = unicodedata.normalize("NFKD", whole).encode("ascii", "ignore").decode()
    simple = _named(re.sub("[^A-Za-z0-9]+", "-", letters)[:SIMPLE_LENGTH].strip("-").lower())
    encoded = quote(f"{whole}.{extension}", safe="")
    return f"attachment; filename=\"{simple}.{extension}\"; filename*=UTF-8''{encoded}"


def _allowed(title: str) -> str:
    """Without control characters, what turns the direction of a text, and what a path or a shell reads otherwise."""
    printable = "".join(
        character if character in _JOINERS or unicodedata.category(character)[0] not in "CZ" else " "
        for character in unicodedata.normalize("NFC", title[:NAME_BYTES])
    )
    return " ".join(_NOT_IN_A_NAME.sub(" ", printable).split())


def _cut(name: str, most: int) -> str:
    """As many whole characters as `most` bytes of UTF-8 hold: no letter is parted from its accents."""
    if len(name.encode()) <= most:
        return name
    kept = len(name.encode()[:most].decode(errors="ignore"))
    while kept and (unicodedata.combining(name[kept]) or name[kept] in _JOINERS or name[kept - 1] in _JOINERS):
        kept -= 1
    return name[:kept]


def _named(name: str) -> str:
    name = name.strip(f" .~{_JOINERS}")
    return f"{name}-" if _RESERVED.fullmatch(name) else name or "story"
