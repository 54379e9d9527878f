"""PubNub as bitbank uses it: a channel for each account, polls that wait until something is published."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ...venue import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ....clock import Instant
    from ...venue import Request

__all__ = ["PubNub"]

KEY = "sub-c-ecebae8e-dd60-11e6-b6b1-02ee2ddab7fe"
LIFE = 12 * 3600 * 1_000  # ms a token is valid
HOLD = 280_000  # ms a poll is held
REGION = 33
MOST = 100  # messages that are kept for those who come later, and in one answer
DENIED = {"error": True, "status": 403, "service": "Access Manager"}


class _Poll:
    """A poll that waits.

    Attributes:
        since: Everything from this time token on is wanted.
        until: When it is answered in any case, in ms.
        reply: What it is answered.
    """

    def __init__(self, channel: str, since: int, until: int) -> None:
        self.channel, self.since, self.until = channel, since, until
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()


class PubNub:
    """Keeps what was published, and answers polls.

    Args:
        now: Reads the clock.

    https://www.pubnub.com/docs/sdks/rest-api/subscribe-v-2
    """

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._tokens: dict[str, tuple[str, int]] = {}  # channel, and until when, in ms
        self._kept: dict[str, list[tuple[int, Any]]] = {}  # time tokens and messages by channel
        self._waiting: list[_Poll] = []
        self._last = 0

    def grant(self, channel: str) -> str:
        """Return a new token for a channel."""
        token = f"fake-token-{len(self._tokens) + 1}"
        self._tokens[token] = channel, self._now().ms + LIFE
        return token

    def publish(self, channel: str, message: Any) -> None:
        """Keep a message, and answer those who wait for it."""
        kept = self._kept.setdefault(channel, [])
        kept.append((self._stamp(), message))
        del kept[:-MOST]
        self._waiting = [poll for poll in self._waiting if not self._serve(poll)]

    def release(self) -> None:
        """Answer the polls that have waited for too long."""
        now = self._now().ms
        for poll in [poll for poll in self._waiting if poll.until <= now]:
            self._waiting.remove(poll)
            self._reply(poll, poll.since, [])

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Answer a poll, or let it wait."""
        if refusal := self.refusal(request):
            return refusal
        query = request.query
        poll = _Poll(query["uuid"], int(query.get("tt", "0")), self._now().ms + HOLD)
        if not poll.since:
            self._reply(poll, self._stamp() + 1, [])
        elif not self._serve(poll):
            self._waiting.append(poll)
        return poll.reply.result() if poll.reply.done() else poll.reply

    def refusal(self, request: Request) -> Reply | None:
        """Return how a request is refused, ``None`` if it is not."""
        channel, token, now = request.query.get("uuid"), request.query.get("auth", ""), self._now().ms
        if request.url.path != f"/v2/subscribe/{KEY}/{channel}/0" or request.method != "GET":
            return Reply({"error": True, "status": 404, "service": "Balancer", "message": "Not Found"}, 404)
        if not all(request.query.get(name, "0").isdecimal() for name in ("tt", "tr")):
            return Reply({"error": True, "status": 400, "message": "Invalid timetoken"}, 400)
        granted, until = self._tokens.get(token, (None, now))
        if granted != channel:
            return Reply(DENIED, 403)
        return Reply({**DENIED, "message": "Token is expired."}, 403) if until <= now else None

    # --- inside ---

    def _serve(self, poll: _Poll) -> bool:
        """Answer a poll if there is something for it; return whether it is answered (or given up)."""
        found = [(stamp, each) for stamp, each in self._kept.get(poll.channel, []) if stamp >= poll.since]
        if found:
            self._reply(poll, found[-1][0] + 1, found)
        return poll.reply.done()

    def _reply(self, poll: _Poll, token: int, found: list[tuple[int, Any]]) -> None:
        rows = [
            {"a": "3", "f": 0, "i": "bitbank-prod", "p": _time(stamp), "k": KEY, "c": poll.channel, "d": each}
            for stamp, each in found
        ]
        if not poll.reply.done():  # else the client has gone
            poll.reply.set_result(Reply({"t": _time(token), "m": rows}))

    def _stamp(self) -> int:
        """Return a time token: 100 ns, rising by at least two, so that there is one between any two messages."""
        self._last = max(self._now().ns // 100, self._last + 2)
        return self._last


def _time(stamp: int) -> dict[str, Any]:
    return {"t": str(stamp), "r": REGION}
