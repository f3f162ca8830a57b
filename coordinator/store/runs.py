"""Operations of a run. Each names the run's epoch and raises Fenced once a newer run has claimed the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from coordinator.models import SERVICE, Failure, SessionDetail
from coordinator.store.gateway import Gateway
from coordinator.store.sessions import Changed, Json, changed


@dataclass(frozen=True, slots=True)
class Finished:
    """What a step has made: the session after it, its events, stored and numbered, and the writer's notes for the steps
    to come."""

    session: SessionDetail
    events: list[Json]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that has begun: its number, and the events that its beginning made, which are stored."""

    session_id: UUID
    epoch: int
    events: list[Json]


@dataclass(frozen=True, slots=True)
class Failing:
    """Why a run can't go on, at which step, and what that has used; `to` is what becomes of the session."""

    error: Failure
    step: str | None = None
    agent: str | None = None
    tokens: int = 0
    cost_usd: float = 0
    to: Literal["failed", "paused"] = "failed"


def begun(answer: Json) -> Begun:
    return Begun(UUID(answer["session_id"]), answer["epoch"], answer["events"])


class RunOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def begin(self, session_id: UUID, node: str) -> Begun:
        """Begins the next epoch. Raises Conflict where the session is not active, NotFound where it is gone."""
        return begun(await self._gateway.write("begin_run", SERVICE, session_id=session_id, node=node))

    async def load(self, session_id: UUID, epoch: int) -> Json:
        """All that a run goes on from. Raises Fenced where a newer one has begun, NotFound where it is gone."""
        answer: Json = await self._gateway.write("load_run", SERVICE, session_id=session_id, epoch=epoch)
        return answer

    async def broke(self, session_id: UUID, epoch: int, most: int, error: Failure) -> Changed:
        """Counts that the run broke; where that was for the `most`-th time in a row the session fails with `error`."""
        return changed(
            await self._gateway.write(
                "break_run", SERVICE, session_id=session_id, epoch=epoch, most=most, error=error.model_dump()
            )
        )

    async def give_up(self, session_id: UUID, epoch: int, error: Failure) -> Changed:
        """The session fails, whatever is wrong with what is kept of it."""
        return changed(
            await self._gateway.write(
                "give_up_run", SERVICE, session_id=session_id, epoch=epoch, error=error.model_dump()
            )
        )

    async def append_events(self, session_id: UUID, epoch: int, events: list[Json]) -> None:
        """Keeps numbered events; the same batch again changes nothing."""
        await self._gateway.write("append_events", SERVICE, session_id=session_id, epoch=epoch, events=events)

    async def events_after(self, session_id: UUID, seq: int) -> list[Json]:
        """What the store holds after a number, oldest first, at most a page of it."""
        answer = await self._gateway.write("events_after", SERVICE, wanted={str(session_id): seq})
        found: list[Json] = answer.get(str(session_id)) or []
        return found

    async def finish_step(self, session_id: UUID, epoch: int, events: list[Json], result: Json) -> Finished:
        """All that a step made, in one transaction, once, however often it is called."""
        answer = await self._gateway.write(
            "finish_step", SERVICE, session_id=session_id, epoch=epoch, events=events, result=result
        )
        told = numbered(session_id, epoch, answer)
        return Finished(SessionDetail.model_validate(answer["session"]), told, answer["notes"])

    async def number_changes(self, session_id: UUID, epoch: int, events: list[Json]) -> list[Json]:
        """Numbers what others have changed in the run's session, after its own `events`."""
        answer = await self._gateway.write("number_changes", SERVICE, session_id=session_id, epoch=epoch, events=events)
        told: list[Json] = answer["events"]
        return told

    async def open_gate(self, session_id: UUID, epoch: int, events: list[Json], gate: Json) -> Changed:
        """The session waits for its writer; the run is over."""
        return changed(
            await self._gateway.write(
                "open_gate", SERVICE, session_id=session_id, epoch=epoch, events=events, gate=gate
            )
        )

    async def complete(self, session_id: UUID, owner: UUID | None, epoch: int | None) -> Changed:
        """The current draft becomes the story. Raises Conflict where there is no draft."""
        return changed(
            await self._gateway.write("complete_session", SERVICE, session_id=session_id, owner=owner, epoch=epoch)
        )

    async def fail(
        self,
        session_id: UUID,
        owner: UUID | None,
        failing: Failing,
        *,
        epoch: int | None = None,
        events: list[Json] | None = None,
    ) -> Changed:
        """The session failed, and with it the step at hand, which used tokens all the same; it may be resumed."""
        return changed(
            await self._gateway.write(
                "fail_session",
                SERVICE,
                session_id=session_id,
                owner=owner,
                error=failing.error.model_dump(),
                epoch=epoch,
                step=failing.step,
                events=events or [],
                agent=failing.agent,
                tokens=failing.tokens,
                cost_usd=failing.cost_usd,
                to=failing.to,
            )
        )


def numbered(session_id: UUID, epoch: int, answer: Json) -> list[Json]:
    """The events that a run's write has made, as the store has kept them: told by it, or numbered in their order."""
    if "events" in answer:
        told: list[Json] = answer["events"]
        return told
    same = {"session_id": str(session_id), "epoch": epoch, "at": answer["at"]}
    return [{**event, **same, "seq": seq} for seq, event in enumerate(answer["made"], answer["last_seq"] + 1)]
