"""The command line; docs/cli.md tells all of it. A file a few commands, and what they share."""

from storyloom.cli.app import main

__all__ = ["main"]
