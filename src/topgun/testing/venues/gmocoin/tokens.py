"""The tokens of the fake GMO Coin, which open its private sockets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ....clock import Instant

__all__ = ["Tokens"]

LIFE = 3_600_000_000_000  # ns
MOST = 5  # of one account


class Tokens:
    """Who may open a private socket, and until when.

    https://api.coin.z.com/docs/#authentication-private-ws
    """

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._made = 0
        self._tokens: dict[str, tuple[str, int]] = {}  # token -> account, end in ns

    def create(self, api: str) -> str:
        """Return a new token; of more than five the one that would end first goes."""
        own = sorted((token for token in self._tokens if self._tokens[token][0] == api), key=self._end)
        for token in own[: max(len(own) - MOST + 1, 0)]:
            del self._tokens[token]
        self._made += 1
        token = hashlib.sha256(f"{api} {self._made}".encode()).hexdigest()[:20]
        self._tokens[token] = api, self._now().ns + LIFE
        return token

    def extend(self, api: str, token: object) -> None:
        """Let a token live for an hour from now.

        Raises:
            Refused: There is no such token of that account.
        """
        self._tokens[self._own(api, token)] = api, self._now().ns + LIFE

    def delete(self, api: str, token: object) -> None:
        """End a token.

        Raises:
            Refused: There is no such token of that account.
        """
        del self._tokens[self._own(api, token)]

    def owner(self, token: str) -> str | None:
        """Return whose token that is, ``None`` if it is none any more."""
        api, end = self._tokens.get(token, (None, 0))
        return api if end > self._now().ns else None

    def _end(self, token: str) -> int:
        return self._tokens[token][1]

    def _own(self, api: str, token: object) -> str:
        if not isinstance(token, str) or self.owner(token) != api:
            raise Refused("ERR-5106", "Invalid request parameter. token")
        return token
