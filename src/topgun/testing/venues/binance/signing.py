"""Whether a request to the fake Binance is signed as it must be: key, time, signature, by a computation of its own."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from ...venue import hmac_hex

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Refused", "check_time", "is_right"]

AHEAD = 1000  # ms a request may be in the exchange's future
WINDOW = 5000  # ms it may be in its past, unless it says otherwise
LARGEST = 60_000


class Refused(Exception):
    """A request is answered with an error.

    https://developers.binance.com/docs/binance-spot-api-docs/errors
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    @property
    def data(self) -> dict[str, int | str]:
        """What the error says."""
        return {"code": self.code, "msg": self.message}


def check_time(values: Mapping[str, object], now: int) -> None:
    """Check ``server_time - recvWindow <= timestamp < server_time + 1000``, all in ms.

    Raises:
        Refused: It is not so.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security#timing-security
    """
    time, window = str(values.get("timestamp", "")), str(values.get("recvWindow", WINDOW))
    if not time.isdecimal() or not window.isdecimal():
        raise Refused(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if int(window) > LARGEST:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    if int(time) >= now + AHEAD:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if int(time) < now - int(window):
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def is_right(secret: str, payload: bytes, signature: str) -> bool:
    """Tell whether a signature is that of a payload: HMAC, or Ed25519 or RSA of a secret in PEM form."""
    if not secret.startswith("-----BEGIN"):
        return signature == hmac_hex(secret, payload)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  (an optional dependency)
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa  # noqa: PLC0415

    key = serialization.load_pem_private_key(secret.encode(), None, unsafe_skip_rsa_key_validation=True)
    match key:  # both kinds of signatures are always the same for the same payload
        case ed25519.Ed25519PrivateKey():
            right = key.sign(payload)
        case rsa.RSAPrivateKey():
            right = key.sign(payload, padding.PKCS1v15(), hashes.SHA256())
        case _:
            return False
    return signature == b64encode(right).decode()
