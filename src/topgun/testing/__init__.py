"""What a user needs to test a bot offline."""

from __future__ import annotations

from .clock import FakeClock

__all__ = ["FakeClock"]
