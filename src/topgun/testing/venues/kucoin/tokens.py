"""The tokens of the fake KuCoin, which open its sockets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ....clock import Instant

__all__ = ["Grant", "Tokens"]

LIFE = 24 * 3_600_000_000_000  # ns


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for.

    Attributes:
        kind: ``spot`` or ``futures``.
        api: Whose it is; ``None`` = public topics only.
        end: When it ends, in ns.
    """

    kind: str
    api: str | None
    end: int


class Tokens:
    """Who may open a socket, and until when.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._grants: dict[str, Grant] = {}

    def create(self, kind: str, api: str | None) -> str:
        """Return a new token."""
        made = hashlib.sha256(f"{kind} {api} {len(self._grants)}".encode()).hexdigest()
        token = f"2neAiuY-{made[:40]}_{made[40:50]}=.{made[50:]}=="
        self._grants[token] = Grant(kind, api, self._now().ns + LIFE)
        return token

    def find(self, token: str) -> Grant | None:
        """Return what a token is good for, ``None`` if it is none, or not any more."""
        grant = self._grants.get(token)
        return grant if grant is not None and grant.end > self._now().ns else None

    def has_ended(self, token: str) -> bool:
        """Tell whether a token was good once."""
        return token in self._grants and self.find(token) is None
