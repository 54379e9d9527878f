"""What a user needs to test a bot offline.

`FakeExchange` answers on the real URLs, over TLS; `FakeClock` lets a minute pass at once; pytest fixtures are in
`topgun.testing.plugin`, for ``pytest_plugins = ["topgun.testing.plugin"]``.
"""

from __future__ import annotations

from .clock import FakeClock
from .link import Link
from .market import Market
from .script import Fault
from .server import FakeExchange, SeenRequest
from .venue import LiveMarket

__all__ = ["FakeClock", "FakeExchange", "Fault", "Link", "LiveMarket", "Market", "SeenRequest"]
