"""A node that can't write is not ready, though its database answers what is read; and it is again by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from coordinator.errors import NotWritable
from coordinator.models import SERVICE, Identity
from coordinator.store import gateway
from coordinator.store.gateway import Gateway
from coordinator.telemetry.metrics import Metrics
from tests.api.support import problem
from tests.chaos.record import eventually
from tests.conftest import Database
from tests.service import Service


async def test_a_read_only_database(service: Service, database: Database) -> None:
    async def status(wanted: int) -> bool:
        return (await service.http.get("/readyz")).status_code == wanted

    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        for setting, expected in (("on", 503), ("off", 200)):
            admin.execute(f"alter database {database.name} set default_transaction_read_only = {setting}".encode())
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            await eventually(lambda expected=expected: status(expected), f"/readyz says {expected}")
            if setting == "on":
                problem(await service.http.get("/readyz"), 503, "unavailable")


class Full:
    """A transport to a database whose disk is full until it has `room`."""

    room = False

    async def call(self, function: str, args: Mapping[str, Any], identity: Identity, shape: Any = None) -> Any:
        if not self.room and function != "read":
            raise NotWritable("no room")
        return {}

    def listen(self) -> None:
        return None

    async def close(self) -> None:
        pass


async def test_a_refused_write_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Full()
    tried = Gateway(transport, 0.01, Metrics())
    assert tried.trouble is None
    with pytest.raises(NotWritable):
        await tried.write("write", SERVICE)
    await tried.read("read", SERVICE)
    assert tried.trouble == "no room"
    monkeypatch.setattr(gateway, "REMEMBERED_S", 0.0)
    assert tried.trouble is None, "or nobody would be sent here to find out that there is room"
