"""The store: typed operations, each one call of one database function through a transport."""

from __future__ import annotations

from coordinator.store.admin import AdminOperations
from coordinator.store.gateway import Gateway
from coordinator.store.keys import KeyOperations
from coordinator.store.limits import LimitOperations
from coordinator.store.messages import MessageOperations
from coordinator.store.nodes import NodeOperations
from coordinator.store.profiles import ProfileOperations
from coordinator.store.projects import ProjectOperations
from coordinator.store.record import RecordOperations
from coordinator.store.runs import RunOperations
from coordinator.store.sessions import SessionOperations
from coordinator.store.shares import ShareOperations
from coordinator.store.signins import SignInOperations
from coordinator.store.talks import TalkOperations
from coordinator.store.transport import Transport
from coordinator.store.turns import TurnOperations
from coordinator.store.users import UserOperations
from coordinator.store.versions import VersionOperations
from coordinator.telemetry.metrics import Metrics


class Store:
    """All operations over one transport. `wait_s` is how long a write waits for a database that is away, `page_bytes`
    about how much one page of a list has."""

    def __init__(
        self, transport: Transport, wait_s: float = 30, metrics: Metrics | None = None, page_bytes: int = 1_048_576
    ) -> None:
        self.metrics = metrics or Metrics()
        self.gateway = Gateway(transport, wait_s, self.metrics)
        self.sessions = SessionOperations(self.gateway)
        self.record = RecordOperations(self.gateway, page_bytes)
        self.messages = MessageOperations(self.gateway)
        self.runs = RunOperations(self.gateway)
        self.turns = TurnOperations(self.gateway)
        self.talks = TalkOperations(self.gateway)
        self.keys = KeyOperations(self.gateway)
        self.signins = SignInOperations(self.gateway)
        self.users = UserOperations(self.gateway)
        self.profiles = ProfileOperations(self.gateway)
        self.versions = VersionOperations(self.gateway)
        self.projects = ProjectOperations(self.gateway)
        self.shares = ShareOperations(self.gateway)
        self.nodes = NodeOperations(self.gateway)
        self.limits = LimitOperations(self.gateway)
        self.admin = AdminOperations(self.gateway)

    async def close(self) -> None:
        await self.gateway.close()
