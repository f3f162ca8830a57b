"""Operations of a node: that it lives, what it gets to run, and what it tells the other nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from coordinator.models import SERVICE
from coordinator.store.gateway import Gateway
from coordinator.store.runs import Begun, begun
from coordinator.store.sessions import Json


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node learns by its beat: of its runs those `lost`, those `changed` from outside and those whose answer is
    to be `stopped`; how many other nodes live, and whether there is `work` that nobody does."""

    lost: list[UUID]
    changed: list[UUID]
    stopped: list[UUID]
    others: int
    work: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """Runs that have begun; sessions that could not be begun, and were failed, with the reason's SQLSTATE or `silent`;
    events that told others their place; how many wait."""

    runs: list[Begun]
    broken: dict[UUID, str]
    placed: list[Json]
    waiting: int


class NodeOperations:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def beat(self, node: str, about: Json, held: Mapping[UUID, int], dead_s: float) -> Beat:
        """Tell that the node lives, with the epochs of the runs it holds. One look, not tried for long."""
        answer = await self._gateway.read(
            "beat",
            SERVICE,
            node=node,
            about=about,
            held={str(one): epoch for one, epoch in held.items()},
            dead_s=dead_s,
        )
        return Beat(
            [UUID(one) for one in answer["lost"]],
            [UUID(one) for one in answer["changed"]],
            [UUID(one) for one in answer["stopped"]],
            answer["others"],
            answer["work"],
        )

    async def claim(
        self, node: str, *, room: int, per_user: int, held: Collection[UUID], dead_s: float | None
    ) -> Claimed:
        """Begins up to `room` runs. Those of a node silent for `dead_s` are among them; None: of none but the gone.

        Where its answer is lost, the next claim gives the same sessions again.
        """
        answer = await self._gateway.read(
            "claim_runs", SERVICE, node=node, room=room, per_user=per_user, held=tuple(held), dead_s=dead_s
        )
        return Claimed(
            [begun(one) for one in answer["claimed"]],
            {UUID(one["session_id"]): one["code"] for one in answer["broken"]},
            answer["placed"],
            answer["waiting"],
        )

    async def claim_turns(
        self, node: str, *, room: int, held: Collection[UUID], dead_s: float | None
    ) -> tuple[list[Begun], dict[UUID, str]]:
        """Begins to take up to `room` answers over from nodes that are gone; and those that were given up, and why."""
        answer = await self._gateway.read("claim_turns", SERVICE, node=node, room=room, held=tuple(held), dead_s=dead_s)
        return (
            [begun(one) for one in answer["claimed"]],
            {UUID(one["session_id"]): one["code"] for one in answer["broken"]},
        )

    async def leave(self, nodes: Collection[str], *, well: bool = False) -> int:
        """These nodes are no more; answers how many runs they have left to others, which are to blame for it unless
        they ended `well`."""
        answer = await self._gateway.read("leave", SERVICE, nodes=tuple(nodes), well=well)
        return int(answer["runs"])

    async def take_chore(self, name: str, every_s: float) -> bool:
        """Whether the chore is due, and then the caller's to do."""
        return bool(await self._gateway.read("take_chore", SERVICE, name=name, every_s=every_s))

    async def wake(self, sessions: Collection[UUID]) -> None:
        """Tell the other nodes that events of these sessions are stored."""
        await self._gateway.read("wake", SERVICE, ids=tuple(sessions))
