"""What a BitMEX WebSocket needs besides frames: what an unsubscribe cancels. Handshakes are signed in rest."""

from __future__ import annotations

from typing import Any

__all__ = ["forget"]


def forget(subscription: Any, unsubscription: Any) -> Any:
    """Return what is left of a remembered `subscription` after `unsubscription` was sent; ``None`` = nothing.

    ``args`` is a list of topics, or just one.

    https://www.bitmex.com/app/wsAPI#Subscribe
    """
    match subscription, unsubscription:
        case {"op": "subscribe", "args": topics}, {"op": "unsubscribe", "args": gone}:
            cancelled, asked = _listed(gone), _listed(topics)
            left = [topic for topic in asked if topic not in cancelled]
            if len(left) < len(asked):
                return {**subscription, "args": left} if left else None
    return subscription


def _listed(args: Any) -> list[Any]:
    return args if isinstance(args, list) else [args]
