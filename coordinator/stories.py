"""StoryCoordinator: what a writer can have done with a story. It checks, writes and sets the engine going."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from coordinator import plan, progress
from coordinator.agents.library import Library
from coordinator.budget import check_budget
from coordinator.errors import InvalidMessage
from coordinator.llm.models import Models, key_provider
from coordinator.models import Budget, Identity, Message, Session, Status, StoryConfig
from coordinator.sessions import StorySessionManager

DEFAULT_TEMPLATE = "short-story"
RESUMABLE: tuple[Status, ...] = ("failed", "paused", "expired")
STOPPABLE: tuple[Status, ...] = ("active", "awaiting_approval", "paused")


class Runs(Protocol):
    """What the coordinator needs of the engine."""

    def wake(self) -> None: ...
    async def stop(self, session_id: UUID) -> None: ...


class NoRuns:
    """For a process that only reads: others run what waits, and it has nothing to stop."""

    def wake(self) -> None:
        return

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
        chosen = self.library.get(template or DEFAULT_TEMPLATE)
        options = self.library.check_options(chosen, config.theme_options)
        model = await self._model(identity, config.model)
        if missing := set(config.approvals) - set(plan.gates(chosen)):
            raise InvalidMessage(f"The template {chosen.name} has nothing to approve at: {', '.join(sorted(missing))}.")
        config = config.model_copy(update={"theme_options": options})
        work = plan.Work(prompt, config, chosen)
        first = plan.next_step(work)
        made = await self.manager.create_session(
            identity, prompt, template=chosen.name, model=model, config=config, title=title, request_id=request_id,
            progress=progress.of(work, first.name if first else None, 0),
        )  # fmt: skip
        return made.session, made.changed

    async def _model(self, identity: Identity, name: str | None) -> str:
        own: list[str] = []
        if name is not None and identity.user_id is not None and not self.models.listed(name) and key_provider(name):
            own = [key.provider for key in await self.manager.store.keys.of(identity.user_id)]
        return self.models.check(name, own)

    def begin(self, session: Session) -> None:
        """Have what was created run, in its turn."""
        if session.status == "active":
            self._runs.wake()

    async def resume(self, identity: Identity, session_id: UUID, budget: Budget | None = None) -> Session:
        """Go on with what failed, was paused or expired, from the last finished step, with another `budget` where one
        is given. Conflict for anything else, BudgetExceeded where the budget is used up."""
        if budget is not None:
            await self.manager.set_budget(identity, session_id, budget)
        session = await self.manager.get_session(identity, session_id)
        check_budget(session, next_call=True)
        change = await self.manager.change_status(identity, session_id, "active", RESUMABLE, "resumed")
        self._runs.wake()
        return change.session

    async def pause(self, identity: Identity, session_id: UUID) -> Session:
        """Paused at once where nothing runs, else when the step at hand is done."""
        return (await self.manager.pause_session(identity, session_id)).session

    async def steer(self, identity: Identity, session_id: UUID, text: str) -> Message:
        """A note for the steps to come; durable on return. Raises InvalidMessage for an empty one."""
        if not text.replace("\x00", "").strip():
            raise InvalidMessage("The note is empty. Say what should be different from here on.")
        return await self.manager.steer_session(identity, session_id, text.strip())

    async def approve(
        self, identity: Identity, session_id: UUID, step: str, *, approved: bool, comment: str | None = None
    ) -> Session:
        """Answer the gate that waits. Conflict where it does not, or was answered already."""
        comment = (comment or "").replace("\x00", "").strip() or None
        change = await self.manager.answer_gate(identity, session_id, step, approved=approved, comment=comment)
        self._runs.wake()
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
