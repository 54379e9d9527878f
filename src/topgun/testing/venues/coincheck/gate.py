"""Who may enter the fake Coincheck: keys, signatures, and nonces that have to rise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...venue import Reply, hmac_hex

if TYPE_CHECKING:
    from ...venue import Request, Venue

__all__ = ["Gate", "Refused"]

LARGEST = 9223372036854775807


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.reply = Reply({"success": False, "error": message}, status)


class Gate:
    """Checks requests and logins.

    Attributes:
        nonces: The nonces that were used so far, in order of arrival, by API name.

    https://coincheck.com/documents/exchange/api#auth
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.nonces: dict[str, list[int]] = {api: [] for api in venue.apis}

    def fits(self, request: Request) -> bool:
        """Tell whether a request would be let in."""
        try:
            self.check(*_credentials(request))
        except Refused:
            return False
        return True

    def enter(self, request: Request) -> str:
        """Return whose request it is, and use its nonce up.

        Raises:
            Refused: The key, the nonce or the signature is wrong.
        """
        return self.use(*_credentials(request))

    def use(self, key: str, nonce: str, signature: str, signed: str | bytes) -> str:
        """Return whose key it is, and use the nonce up.

        Args:
            key: The access key.
            nonce: As text.
            signature: What is to be checked.
            signed: What follows the nonce in the text that was signed.

        Raises:
            Refused: One of them is wrong.
        """
        api = self.check(key, nonce, signature, signed)
        self.nonces[api].append(int(nonce))
        return api

    def check(self, key: str, nonce: str, signature: str, signed: str | bytes) -> str:
        """Return whose key it is; see `use`."""
        api = self._venue.api_of(key)
        text = nonce.encode() + (signed.encode() if isinstance(signed, str) else signed)
        if api is None or signature != hmac_hex(self._venue.apis[api][1], text):
            raise Refused("invalid authentication", 401)
        if not nonce.isdecimal() or not 0 < int(nonce) <= LARGEST:
            raise Refused("Nonce must be a positive integer", 401)
        if int(nonce) <= max(self.nonces[api], default=0):
            raise Refused("Nonce must be incremented", 401)
        return api


def _credentials(request: Request) -> tuple[str, str, str, bytes]:
    key, nonce, signature = (request.headers.get(f"ACCESS-{name}", "") for name in ("KEY", "NONCE", "SIGNATURE"))
    return key, nonce, signature, f"https://{request.url.host}{request.target}".encode() + request.body
