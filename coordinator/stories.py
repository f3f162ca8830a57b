"""StoryCoordinator: what a writer can have done with a story. It checks, writes and sets the engine going."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from pydantic_core import to_json

from coordinator import plan
from coordinator.agents.library import Library
from coordinator.errors import InvalidMessage, Unavailable
from coordinator.llm.models import Models
from coordinator.models import Identity, Session, Status, StoryConfig
from coordinator.sessions import StorySessionManager

DEFAULT_TEMPLATE = "short-story"
RESUMABLE: tuple[Status, ...] = ("failed", "paused", "expired")
STOPPABLE: tuple[Status, ...] = ("active", "awaiting_approval", "paused")


class Runs(Protocol):
    """What the coordinator needs of the engine."""

    async def start(self, session_id: UUID, epoch: int) -> None: ...
    async def stop(self, session_id: UUID) -> None: ...


class NoRuns:
    """For a process that only reads: it starts nothing and has nothing to stop."""

    async def start(self, session_id: UUID, epoch: int) -> None:
        raise Unavailable("This service only reads; start the story on one that writes.")

    async def stop(self, session_id: UUID) -> None:
        return


class StoryCoordinator:
    def __init__(self, manager: StorySessionManager, library: Library, models: Models, runs: Runs) -> None:
        self.manager = manager
        self.library = library
        self.models = models
        self._runs = runs

    async def create(
        self, identity: Identity, prompt: str, *, template: str | None, title: str | None, config: StoryConfig,
        request_id: str | None,
    ) -> tuple[Session, bool]:  # fmt: skip
        """A new story session, durable on return, and whether it is new. `begin` sets it going.

        Raises InvalidMessage where the template, an option or the model is not one that can be chosen.
        """
        # A NUL is nothing that can be kept.
        if not prompt.replace("\x00", "").strip():
            raise InvalidMessage("The prompt is empty. Say in a sentence or more what the story should be about.")
        if config.approvals:
            raise InvalidMessage("`approvals` can't be asked for yet: this version has no gates.")
        if config.budget is not None:
            raise InvalidMessage("`budget` can't be set yet: this version counts tokens but has no limit on them.")
        chosen = self.library.get(template or DEFAULT_TEMPLATE)
        options = self.library.check_options(chosen, config.theme_options)
        model = self.models.check(config.model)
        config = config.model_copy(update={"theme_options": options})
        work = plan.Work(prompt, config, chosen)
        first = plan.next_step(work)
        made = await self.manager.create_session(
            identity, prompt, template=chosen.name, model=model, config=config, title=title, request_id=request_id,
            progress=plan.progress(work, first.name if first else None, 0),
        )  # fmt: skip
        return made.session, made.changed

    async def begin(self, session: Session) -> None:
        """Run what was created. A repeated request finds its run begun; one that a crash left between is begun now."""
        if session.status == "active" and session.epoch == 0:
            await self._runs.start(session.id, session.epoch)

    async def resume(self, identity: Identity, session_id: UUID) -> Session:
        """Go on with what failed, was paused or expired, from the last finished step. Conflict for anything else."""
        change = await self.manager.change_status(identity, session_id, "active", RESUMABLE, "resumed")
        await self._runs.start(session_id, change.session.epoch)
        return change.session

    async def cancel(self, identity: Identity, session_id: UUID, reason: str | None = None) -> Session:
        """End the story where it is, the model's call included. Cancelling again changes nothing."""
        # First in the store, which checks the owner and fences the run wherever it is; then the run that is here.
        change = await self.manager.change_status(identity, session_id, "cancelled", STOPPABLE, reason)
        await self._runs.stop(session_id)
        return change.session

    async def delete(self, identity: Identity, session_id: UUID) -> None:
        """The session and all that hangs on it; a run here is stopped, one elsewhere finds its session gone."""
        await self.manager.get_session(identity, session_id)
        await self._runs.stop(session_id)
        await self.manager.delete_session(identity, session_id)
        gone = {
            "type": "error", "code": "not_found", "message": "The session was deleted.", "session_id": str(session_id),
            "retryable": False,
        }  # fmt: skip
        self.manager.streams.end(session_id, to_json(gone).decode())
