"""The one place where a test kit slips its own network under every client that is made.

`topgun.testing` uses it so that a bot runs unmodified against fake exchanges: while a factory is in use, a
``Client`` that is given no ``connector=`` takes its connector from there.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import aiohttp

__all__ = ["active_connector", "use_connector"]

ConnectorFactory: TypeAlias = "Callable[[], aiohttp.BaseConnector]"

_factories: list[ConnectorFactory] = []


@contextmanager
def use_connector(factory: ConnectorFactory) -> Iterator[None]:
    """Let every client made inside the ``with`` take its connector from `factory`; the innermost factory wins.

    Args:
        factory: Called once for each client, which then owns (and closes) the connector.
    """
    _factories.append(factory)
    try:
        yield
    finally:
        # Not pop(): two fixtures may end in either order. The last equal entry is this one or its equal.
        position = len(_factories) - 1 - _factories[::-1].index(factory)
        del _factories[position]


def active_connector() -> aiohttp.BaseConnector | None:
    """Return a connector of the factory in use, ``None`` outside of `use_connector`."""
    return _factories[-1]() if _factories else None
