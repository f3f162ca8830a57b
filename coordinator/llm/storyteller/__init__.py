"""The built-in storyteller: answers every kind of brief with a story grammar, without a model or a network."""

from __future__ import annotations

from pydantic import BaseModel

from coordinator.brief import Brief
from coordinator.llm.storyteller import plot, prose

NAME = "offline:storyteller"


def tale_of(brief: Brief) -> plot.Tale:
    config = brief.config
    return plot.tale(brief.prompt, brief.template.name, config.protagonist or "", config.tone or "", str(config.seed), config.pages)


def answer(brief: Brief) -> str | BaseModel:
    tale = tale_of(brief)
    if brief.kind == "outline":
        return tale.outline
    outline = brief.outline or tale.outline
    texts = prose.tell(tale, tuple(beat.model_dump_json() for beat in outline.beats))
    titles = [beat.title for beat in outline.beats]
    return "\n\n".join(texts[titles.index(beat.title)] for beat in brief.beats)
