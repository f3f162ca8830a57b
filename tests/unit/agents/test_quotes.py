"""What an agent quotes must be in the text: a false quote is asked for anew, and then dropped."""

from __future__ import annotations

from typing import Any

from coordinator.agents.cast import perform
from coordinator.story.material import Bible, Fact, LoreReview, Notes, Verdict
from tests.model_server import ModelServer, Reply
from tests.unit.agents.agent_call import GPT, Ask, MakeModels, Watcher, brief


def _note(quote: str) -> dict[str, Any]:
    return {"section": 1, "quote": quote, "comment": "Mend this."}


async def test_a_false_quote_is_asked_for_once_and_then_dropped(ask: Ask, server: ModelServer) -> None:
    true, false = '"seven," she SAID, and   the eighth…went out.', "The lamp spoke to her."
    args = {"impression": "Good.", "notes": [_note(true), _note(false), _note("")]}
    server.script(Reply.call(args), Reply.call(args))
    answer = await ask("notes")
    assert isinstance(answer.output, Notes)
    assert [note.quote for note in answer.output.notes] == [true, ""]
    assert len(server.requests) == 2
    assert false in server.requests[1].text
    assert "word for word" in server.requests[1].text


async def test_a_quote_mended_is_kept(ask: Ask, server: ModelServer) -> None:
    server.script(
        Reply.call({"impression": "Good.", "notes": [_note("Nobody lit it, ever.")]}),
        Reply.call({"impression": "Good.", "notes": [_note("Nobody had lit it.")]}),
    )
    answer = await ask("notes")
    assert isinstance(answer.output, Notes)
    assert len(answer.output.notes) == 1


async def test_a_score_that_rests_on_nothing_is_dropped(ask: Ask, server: ModelServer) -> None:
    names = ("plot", "character", "prose", "pacing", "originality", "fit")
    quotes = ["A dragon came.", "Mara counted the brass lamps.", "the eighth went out", "Nobody had lit it."]
    quotes += ["Nobody had lit it.", "“Nobody had lit it.”"]
    scores = {
        name: {"score": at + 3, "evidence": quote, "comment": "Fine."}
        for at, (name, quote) in enumerate(zip(names, quotes, strict=True))
    }
    args = scores | {"approved": True, "summary": "Good."}
    server.script(*[Reply.call(args)] * 2)
    answer = await ask("review")
    assert isinstance(answer.output, Verdict)
    # The dragon is nowhere, and no passage shows more than two things.
    assert answer.output.scores() == {"character": 4, "prose": 5, "pacing": 6, "originality": 7}
    assert answer.output.total() == 5.5
    assert "> Mara counted" in answer.text
    assert "Plot" not in answer.text


async def test_a_contradiction_may_quote_the_bible(make: MakeModels, server: ModelServer, watcher: Watcher) -> None:
    def found(earlier: str, later: str) -> dict[str, Any]:
        return {"section": 1, "earlier": earlier, "later": later, "remedy": "Light it."}

    known, invented = "There are nine lamps.", "There are ninety lamps."
    args = {
        "remarks": "One.",
        "contradictions": [found(known, "“Seven,” she said"), found(invented, "Nobody had lit it.")],
    }
    server.script(*[Reply.call(args)] * 2)
    given = brief("lore-review", bible=Bible(facts=[Fact(text=known, section=0)]))
    answer = await perform(given, make(), GPT, watcher)
    assert isinstance(answer.output, LoreReview)
    assert [item.earlier for item in answer.output.contradictions] == [known]
