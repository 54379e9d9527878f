"""Who may enter the fake BitMEX: keys, signatures, and times of expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...venue import Reply, hmac_hex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...venue import Request, Venue

__all__ = ["Gate", "Refused"]

SOCKET = "GET/realtime"


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, message: str, status: int = 400, name: str = "HTTPError") -> None:
        super().__init__(message)
        self.status = status
        self.reply = Reply({"error": {"message": message, "name": name}}, status)


class Gate:
    """Checks the three ``api-`` headers of requests and handshakes.

    https://www.bitmex.com/app/apiKeysUsage
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def enter(self, request: Request) -> str | None:
        """Return whose request it is, ``None`` without a key.

        Raises:
            Refused: The key, the time or the signature is wrong.
        """
        socket = request.headers.get("Upgrade", "").lower() == "websocket"
        signed = SOCKET if socket else f"{request.method}{request.target}"
        return self.enter_with(request.url.host or "", request.headers, signed, request.body)

    def enter_with(self, host: str, headers: Mapping[str, str], signed: str, body: bytes = b"") -> str | None:
        """Return whose headers these are; see `enter`.

        Args:
            host: Where they came to.
            headers: They.
            signed: What stands before the time in the text that was signed.
            body: What follows it.
        """
        if "api-key" not in headers:
            return None
        key, expires, signature = (headers.get(f"api-{name}", "") for name in ("key", "expires", "signature"))
        api, now = self._venue.api_of(key), self._venue.now().seconds
        if api is None or api != ("bitmex_testnet" if "testnet" in host else "bitmex"):
            raise Refused("Invalid API Key.", 401)
        if not expires.isdecimal():
            raise Refused("Missing API expires.", 401)
        if int(expires) <= now:
            raise Refused(f"This request has expired - `expires` is in the past. Current time: {now}", 401)
        if signature != hmac_hex(self._venue.apis[api][1], f"{signed}{expires}".encode() + body):
            raise Refused("Signature not valid.", 401)
        return api
