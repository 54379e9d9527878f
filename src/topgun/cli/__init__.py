"""The command line: ``topgun demo`` and what it needs to run a bot and to show what the bot does."""

from __future__ import annotations
