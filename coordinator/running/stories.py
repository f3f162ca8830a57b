"""StoryCoordinator: what a writer can have done with a story. It checks, writes and sets the engine going."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

from coordinator.agents.library import Library
from coordinator.errors import Conflict, InvalidMessage, TooLarge
from coordinator.llm.models import Models, key_provider
from coordinator.models import Budget, Draft, Identity, Message, Session, Status, StoryConfig
from coordinator.running.recovery import restored
from coordinator.sessions.manager import StorySessionManager
from coordinator.storable import storable
from coordinator.store.projects import ProjectDefaults
from coordinator.store.sessions import NewSession
from coordinator.store.versions import Edit, NewFork
from coordinator.story import gates, plan, progress
from coordinator.story.budget import check_budget
from coordinator.story.edits import brought
from coordinator.story.fork import WantedFork, fork
from coordinator.story.template import Template
from coordinator.story.words import count_words
from coordinator.story.work import Done, Work, context_of, text_of
from coordinator.workers.workers import Workers

DEFAULT_TEMPLATE = "short-story"
RESUMABLE: tuple[Status, ...] = ("failed", "paused", "expired")
STOPPABLE: tuple[Status, ...] = ("active", "waiting", "awaiting_approval", "paused")


MOST_BYTES = 1_000_000
"""Of a text that a writer brings: about six times a hundred pages."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The chat in which a story was proposed, and the call that proposed it: the chat is told how the story goes."""

    session_id: UUID
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class WantedStory:
    """What a writer starts a story with. Without a template it is their project's, else DEFAULT_TEMPLATE, without a
    title the outline's."""

    prompt: str
    template: str | None = None
    title: str | None = None
    config: StoryConfig = field(default_factory=StoryConfig)
    request_id: str | None = None
    project_id: UUID | None = None
    asked: Asked | None = None


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
    def __init__(
        self, manager: StorySessionManager, library: Library, models: Models, runs: Runs, workers: Workers
    ) -> None:
        self.manager = manager
        self.library = library
        self.models = models
        self._runs = runs
        self._workers = workers

    async def create(self, identity: Identity, wanted: WantedStory) -> tuple[Session, bool]:
        """A new story session, durable on return, and whether it is new. `begin` sets it going.

        Raises InvalidMessage where the template, an option or the model is not one that can be chosen, NotFound for a
        project that is not theirs, Forbidden for one that they may only read, Conflict for one that is archived.
        """
        prompt, config, template = storable(wanted.prompt), wanted.config, wanted.template
        if not prompt.strip():
            raise InvalidMessage("The prompt is empty. Say in a sentence or more what the story should be about.")
        if wanted.project_id is not None:
            defaults = (await self.manager.store.projects.get(identity, wanted.project_id)).defaults
            template, config = template or defaults.template, with_defaults(config, defaults)
        chosen = self.library.get(template or DEFAULT_TEMPLATE)
        options = self.library.check_options(chosen, config.theme_options)
        model = await self.model_for(identity, config.model)
        self._check_countable(config.budget, model)
        _check_gates(config, chosen)
        await self.models.check_room(model)
        config = config.model_copy(update={"theme_options": options})
        work = Work(prompt, config, chosen)
        first = plan.next_step(work)
        new = NewSession(
            prompt,
            chosen.name,
            model,
            config,
            title=wanted.title,
            request_id=wanted.request_id,
            progress=progress.of(work, first.name if first else None, 0),
            project_id=wanted.project_id,
        )
        made = await self.manager.create_session(identity, new)
        if wanted.asked is not None:
            await self.manager.turns.ask_story(identity, wanted.asked.session_id, wanted.asked.call_id, made.session.id)
        return made.session, made.changed

    async def fork(self, identity: Identity, session_id: UUID, wanted: WantedFork) -> tuple[Session, bool]:
        """A new session that shares the past of another, as far as is `wanted`, and whether it is new. Durable on
        return; it waits for its turn, or is paused where it is not to `start`.

        Raises NotFound where there is no such step or version, InvalidMessage for changes to the config that can't be
        made there, Conflict for what is no story.
        """
        so_far = await self.manager.versions.so_far(identity, session_id)
        parent = so_far.session
        if parent.kind != "story":
            raise Conflict("Only a story can be forked.")
        changes = dict(wanted.changes)
        template = self.library.get(parent.template)
        if "theme_options" in changes:
            options = {**parent.config.theme_options, **changes["theme_options"]}
            changes["theme_options"] = self.library.check_options(template, options)
        before, done = await restored(
            self._workers,
            parent.user_id,
            so_far.prompt,
            parent.config,
            template,
            map(Done.stored, so_far.steps),
            so_far.material,
        )
        # In a thread: of a story of a hundred pages it folds the steps several times, in a fifth of a second.
        made = await asyncio.to_thread(
            fork,
            so_far.prompt,
            parent.config,
            template,
            done,
            so_far.versions,
            replace(wanted, changes=changes),
            before.known,
        )
        work = made.work
        _check_gates(work.config, template)
        model = await self.model_for(identity, work.config.model) if "model" in changes else parent.model
        self._check_countable(work.config.budget, model)
        first = plan.next_step(work)
        words = count_words(text_of(work))
        new = NewFork(
            made.steps,
            made.until,
            work.config,
            context_of(work) if work.outline else {},
            progress.of(work, first.name if first else None, words),
            work.scores,
            work.current_version,
            model,
            "active" if wanted.start else "paused",
            wanted.title,
            wanted.request_id,
        )
        change = await self.manager.versions.fork(identity, session_id, new)
        return change.session, change.changed

    async def edit(self, identity: Identity, session_id: UUID, content: str, base_version: int) -> Draft:
        """The writer's own text as the next version, current on return; a story that goes on goes on with it.

        Raises Conflict where `base_version` is not current or the story is being written, TooLarge for more than
        MOST_BYTES, InvalidMessage for an empty text.
        """
        content, size, words = await self._workers.run(identity.user_id, len(content), brought, content)
        if not content or content.isspace():
            raise InvalidMessage("The text is empty. To end the story, cancel or delete it.")
        if size > MOST_BYTES:
            raise TooLarge(f"The text is longer than {MOST_BYTES:,} bytes.")
        return await self.manager.versions.edit(identity, session_id, Edit(base_version, content, words))

    async def model_for(self, identity: Identity, name: str | None) -> str:
        """The model that a story of theirs gets for what they chose. Raises InvalidMessage where it can't be chosen."""
        own: list[str] = []
        if name is not None and identity.user_id is not None and not self.models.listed(name) and key_provider(name):
            own = [key.provider for key in await self.manager.store.keys.of(identity.user_id)]
        return self.models.check(name, own)

    async def set_budget(self, identity: Identity, session_id: UUID, budget: Budget | None) -> Session:
        """What the session may use, None for no limit. Raises InvalidMessage as `create`."""
        session = await self.manager.get_session(identity, session_id)
        self._check_countable(budget, session.model)
        return await self.manager.steering.set_budget(identity, session_id, budget)

    def _check_countable(self, budget: Budget | None, model: str) -> None:
        """Raises InvalidMessage for a budget of money where it is not known what the model costs."""
        if budget is not None and budget.usd is not None:
            self.models.check_priced(model)

    def begin(self, session: Session) -> None:
        """Have what was created run, in its turn."""
        if session.status == "active":
            self._runs.wake()

    async def resume(self, identity: Identity, session_id: UUID, budget: Budget | None = None) -> Session:
        """Go on with what failed, was paused or expired, from the last finished step, with another `budget` where one
        is given. Conflict for anything else, BudgetExceeded where the budget is used up."""
        # Not from memory: another node may just have raised the budget, or ended the run.
        session: Session = await self.manager.store.sessions.get(identity, session_id)
        if session.status in RESUMABLE or session.pausing:
            if budget is not None:
                session = await self.set_budget(identity, session_id, budget)
            check_budget(session, next_call=True)
        change = await self.manager.steering.change_status(identity, session_id, "active", RESUMABLE, "resumed")
        self._runs.wake()
        return change.session

    async def pause(self, identity: Identity, session_id: UUID) -> Session:
        """Paused at once where nothing runs, else when the step at hand is done."""
        return (await self.manager.steering.pause(identity, session_id)).session

    async def steer(self, identity: Identity, session_id: UUID, text: str, request_id: str | None = None) -> Message:
        """A note for the steps to come, or with a `request_id` used before in this session the one made then; durable
        on return. Raises InvalidMessage for an empty one."""
        text = storable(text).strip()
        if not text:
            raise InvalidMessage("The note is empty. Say what should be different from here on.")
        # It counts for whose session it is.
        session = await self.manager.get_session(identity, session_id)
        await self.manager.store.limits.check_room(session.user_id, session_id, len(text.encode()))
        return await self.manager.steering.steer(identity, session_id, text, request_id)

    async def approve(
        self, identity: Identity, session_id: UUID, step: str, *, approved: bool, comment: str | None = None
    ) -> Session:
        """Answer the gate that waits. Conflict where it does not, or was answered already."""
        comment = storable(comment or "").strip() or None
        change = await self.manager.steering.answer_gate(identity, session_id, step, approved=approved, comment=comment)
        self._runs.wake()
        return change.session

    async def cancel(self, identity: Identity, session_id: UUID, reason: str | None = None) -> Session:
        """End the story where it is, the model's call included. Cancelling again changes nothing."""
        # First in the store, which checks the owner and fences the run wherever it is; then the run that is here.
        change = await self.manager.steering.change_status(identity, session_id, "cancelled", STOPPABLE, reason)
        await self._runs.stop(session_id)
        return change.session

    async def delete(self, identity: Identity, session_id: UUID) -> None:
        """The session and all that hangs on it; a run here is stopped, one elsewhere finds its session gone."""
        # First in the store, which knows whether they may; then the run that is here.
        await self.manager.steering.delete(identity, session_id)
        await self._runs.stop(session_id)


def with_defaults(config: StoryConfig, defaults: ProjectDefaults) -> StoryConfig:
    """What a writer did not choose is as their project has it."""
    own = {
        name: getattr(defaults, name) for name in ("pages", "model", "budget") if name not in config.model_fields_set
    }
    return config.model_copy(update={name: value for name, value in own.items() if value is not None})


def _check_gates(config: StoryConfig, template: Template) -> None:
    if missing := set(config.approvals) - set(gates.of(template)):
        raise InvalidMessage(f"The template {template.name} has nothing to approve at: {', '.join(sorted(missing))}.")
