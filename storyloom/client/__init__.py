"""A server's other end, which knows the wire alone: a client, what it tells, and what it raises."""

from storyloom.client.backoff import Reconnect
from storyloom.client.client import Client
from storyloom.errors import ClientError

__all__ = ["Client", "ClientError", "Reconnect"]
