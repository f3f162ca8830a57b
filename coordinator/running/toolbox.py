"""What agents of a chat do besides talking: each tool done for the person whose message is answered.

What is shown of stories and the bible is what that person may read; what changes something has the call's id for a key,
so that a call which is done again after a crash counts once.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError

from coordinator.agents.library import Library
from coordinator.chat import tools
from coordinator.chat.talk import ToolAnswer, ToolCall
from coordinator.errors import Conflict, InvalidMessage, StoryloomError, Unavailable
from coordinator.models import Session
from coordinator.store import Store
from coordinator.story.canon import BibleEntry, Source, stored

logger = logging.getLogger(__name__)

SECTION = tools.MOST_RESULT - 500
"""Characters of a story that one call reads."""


class Toolbox:
    """Of one turn of one chat."""

    def __init__(self, store: Store, library: Library, session: Session, asker: UUID) -> None:
        self._store = store
        self._library = library
        self._session_id = session.id
        self._project_id = session.project_id
        self._title = session.title
        self._asker = asker

    async def do(self, call: ToolCall) -> ToolAnswer:
        """What came of it, also where it is wrong. Raises Unavailable where the database is away."""
        args = tools.checked(call.tool, call.args)
        if isinstance(args, str):
            return ToolAnswer(call, error=args)
        try:
            return ToolAnswer(call, await self._done(call, args))
        except Unavailable:
            raise
        except StoryloomError as error:
            return ToolAnswer(call, error=error.message)

    async def _done(self, call: ToolCall, args: tools.Args) -> dict[str, Any]:
        match args:
            case tools.LookUp(query=query):
                return await self._store.talks.look_up(self._session_id, self._asker, query)
            case tools.ReadStory(session_id=story, section=section):
                return await self._store.talks.read_story(
                    self._session_id, self._asker, story, (section - 1) * SECTION, SECTION
                )
            case tools.NoteDown():
                return await self._noted(call, args)
            case tools.ProposeStory():
                return self._proposed(args)
        return {}

    async def _noted(self, call: ToolCall, args: tools.NoteDown) -> dict[str, Any]:
        if self._project_id is None:
            raise Conflict("This talk is in no project, so there is no bible to note it in.")
        lore = {
            "person": {"name": args.name, "description": args.text},
            "place": {"name": args.name, "description": args.text},
        }
        fields = lore.get(args.kind, {"text": f"{args.name}: {args.text}" if args.name else args.text})
        source = Source(how="noted", session_id=self._session_id, title=self._title[:200])
        try:
            entry = BibleEntry(kind=args.kind, id=uuid5(self._session_id, f"note {call.id}"), source=source, **fields)
        except ValidationError:
            raise InvalidMessage(f"A {args.kind} of the bible needs a name.") from None
        part, kept = stored(entry)
        await self._store.projects.put_entries(self._project_id, self._asker, {part: [kept]})
        return {"noted": {"id": str(entry.id), "kind": args.kind, **fields}}

    def _proposed(self, args: tools.ProposeStory) -> dict[str, Any]:
        """As the card shows it: only what can be chosen."""
        names = {template.name for template in self._library.all()}
        template = args.template if args.template in names else None
        wishes = "".join(f"\n- {wish}" for wish in args.wishes)
        prompt = args.prompt + (f"\n\nWhat is wanted:{wishes}" if wishes else "")
        return {
            "proposal": {
                "prompt": prompt[:20_000],
                "template": template,
                "config": {"pages": args.pages} | ({"protagonist": args.protagonist} if args.protagonist else {}),
            },
            "shown": "The writer sees a card with a button that begins this story.",
        }
