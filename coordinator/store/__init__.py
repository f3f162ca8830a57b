"""The store: typed operations, each one call of one database function through a transport."""

from __future__ import annotations

from coordinator.store.gateway import Gateway, Transport
from coordinator.store.keys import KeyOperations
from coordinator.store.nodes import NodeOperations
from coordinator.store.record import RecordOperations
from coordinator.store.runs import RunOperations
from coordinator.store.sessions import SessionOperations
from coordinator.store.users import UserOperations


class Store:
    """All operations over one transport. `wait_s` is how long a write waits for a database that is away."""

    def __init__(self, transport: Transport, wait_s: float = 30) -> None:
        self.gateway = Gateway(transport, wait_s)
        self.sessions = SessionOperations(self.gateway)
        self.record = RecordOperations(self.gateway)
        self.runs = RunOperations(self.gateway)
        self.keys = KeyOperations(self.gateway)
        self.users = UserOperations(self.gateway)
        self.nodes = NodeOperations(self.gateway)

    async def close(self) -> None:
        await self.gateway.close()
