"""A story as a book: its text and what its title page says. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote
from uuid import UUID

from coordinator.export.language import is_right_to_left, language_of
from coordinator.models import Session, Story

GENERATOR = "Storyloom"
UNTITLED = "Untitled"
NAME_LENGTH = 80
"""Characters of a title that a file's name keeps."""

# What XML, and so docx and epub, can't hold; and what turns the direction of the text that follows it for good.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e]"
)
_NOT_IN_A_NAME = re.compile(r'[\\/:*?"<>|]')


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


def book_of(session: Session, story: Story, author: str = "") -> Book:
    """The book of a session's current text."""
    content = clean(story.content)
    title = " ".join(clean(story.title).split()) or UNTITLED
    return Book(
        session.id, title, " ".join(clean(author).split()), language_of(session.config.language, f"{title}\n{content}"),
        clean(story.model), story.created_at.date(), content,
    )  # fmt: skip


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
    """A Content-Disposition that names the download by the title: in ASCII for old clients, whole for all others."""
    printable = "".join(character if character.isprintable() else " " for character in title)
    whole = " ".join(_NOT_IN_A_NAME.sub(" ", printable).split())[:NAME_LENGTH].strip(" .") or "story"
    letters = unicodedata.normalize("NFKD", whole).encode("ascii", "ignore").decode()
    simple = re.sub("[^A-Za-z0-9]+", "-", letters).strip("-").lower() or "story"
    encoded = quote(f"{whole}.{extension}", safe="")
    return f"attachment; filename=\"{simple}.{extension}\"; filename*=UTF-8''{encoded}"
