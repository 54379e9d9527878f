"""What the sockets of several exchanges need alike; nothing here belongs to one exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..exchange import Heartbeat, Link

__all__ = ["pings", "without"]


def pings(text: str, seconds: float) -> Heartbeat:
    """Return the heartbeat of an exchange that wants a ping of its own: `text` at once and every so many seconds."""

    async def heartbeat(link: Link) -> None:
        while not link.closed:
            await link.send_str(text)
            await link.clock.sleep(seconds)

    return heartbeat


def without(subscription: Any, field: str, gone: Collection[Any]) -> Any:
    """Return what is left of a remembered `subscription` once `gone` is taken out of its list `field`.

    ``None`` = nothing; the subscription itself where it has none of it.
    """
    left = [each for each in subscription[field] if each not in gone]
    if len(left) == len(subscription[field]):
        return subscription
    return {**subscription, field: left} if left else None
