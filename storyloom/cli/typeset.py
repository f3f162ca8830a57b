"""How a story, its summary and the agents' messages look on a terminal or in a file."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.text import Text

from storyloom.cli.prose import clean, plain_headings, shorten
from storyloom.client.things import Story

PROSE_WIDTH = 80
"""Longest line of prose, in cells: longer ones are hard to read."""


def prose_width(console: Console) -> int:
    return min(console.width, PROSE_WIDTH)


def markdown(text: str, style: str = "") -> Markdown:
    # No hyperlinks: a link's address is part of what is read, not an escape code behind other words.
    return Markdown(plain_headings(clean(text)), style=style, hyperlinks=False)


def story_text(story: Story) -> RenderableType:
    """Title and text, typeset."""
    title = clean(story.title).strip()
    heading = Text(title, style="bold", justify="center")
    return Group(heading, Text(), markdown(without_title(story.content, title)))


def story_plain(story: Story) -> str:
    """Title and text as Markdown, for a file or another program."""
    title = " ".join(clean(story.title).split())
    return f"# {title}\n\n{without_title(clean(story.content), title).strip()}\n"


def without_title(content: str, title: str) -> str:
    """The text without a heading that only repeats the title."""
    first, _, rest = content.lstrip().partition("\n")
    return rest if first.startswith("#") and first.strip("# *\t") == title else content


def summary(story: Story, again: str) -> Text:
    """What was written, and the command that shows it again."""
    line = Text(no_wrap=True, overflow="fold")
    line.append(f"{shorten(story.title, 60)}\n", style="bold")
    line.append(f"{story.word_count:,} words · written by {clean(story.model) or 'an unnamed model'}\n")
    line.append(f"Session  {story.session_id}\n")
    line.append("Again    ").append(again, style="cyan")
    return line


def excerpt(console: Console, text: str, lines: int) -> RenderableType:
    """A message in brief: its Markdown, dimmed, without empty lines, at most `lines` of them."""
    options = console.options.update(width=prose_width(console) - 2)
    rendered = console.render_lines(markdown(text), options, style=console.get_style("dim"), pad=False)
    rendered = [line for line in rendered if "".join(segment.text for segment in line).strip()]
    kept, left = rendered[:lines], len(rendered) - lines
    segments: list[Segment] = []
    for line in kept:
        segments += [*line, Segment.line()]
    shown: RenderableType = Segments(segments)
    if left > 0:
        shown = Group(shown, Text(f"… {left} more line{'s' if left > 1 else ''}", style="dim italic"))
    return Padding(shown, (0, 0, 0, 2))
