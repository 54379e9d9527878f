"""Whether a request to the fake MEXC is signed as it must be: key, time, signature, by a computation of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

from ...venue import hmac_hex

if TYPE_CHECKING:
    from ...venue import Request
    from . import MEXC

__all__ = ["ContractRefused", "SpotRefused", "check_contract", "check_spot", "is_signed"]

AHEAD, WINDOW, LARGEST = 1000, 5000, 60_000  # ms, of spot
CONTRACT_WINDOW, CONTRACT_LARGEST = 10, 60  # s


class SpotRefused(Exception):
    """A request to the spot API is answered with an error.

    https://www.mexc.com/api-docs/spot-v3/general-info
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class ContractRefused(Exception):
    """A request to the contract API is answered with an error, under the status 200.

    https://www.mexc.com/api-docs/futures/error-code
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def is_signed(request: Request) -> bool:
    """Tell whether a request carries a signature, right or wrong."""
    return "Signature" in request.headers or "X-MEXC-APIKEY" in request.headers


def check_spot(venue: MEXC, request: Request) -> str:
    """Return whose request it is.

    Raises:
        SpotRefused: The key, the time, the type of the content or the signature is wrong.

    https://www.mexc.com/api-docs/spot-v3/general-info#signed
    """
    key = request.headers.get("X-MEXC-APIKEY")
    if key is None:
        raise SpotRefused(400, "api key required")
    api = venue.api_of(key)
    if api is None:
        raise SpotRefused(10072, "Api key info invalid")
    if request.headers.get("Content-Type") != "application/json":
        raise SpotRefused(700013, "Invalid content Type.")
    text = request.target.partition("?")[2]
    query, found, signature = text.rpartition("signature=")
    query = query.removesuffix("&") if found else text
    values = dict(parse_qsl(query)) | dict(parse_qsl(request.body.decode()))
    time, window, now = values.get("timestamp", ""), values.get("recvWindow", str(WINDOW)), venue.now().ms
    if not time.isdecimal() or not window.isdecimal():
        raise SpotRefused(700004, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if int(window) > LARGEST:
        raise SpotRefused(700005, "recvWindow must be less than 60000")
    if not now - int(window) <= int(time) < now + AHEAD:
        raise SpotRefused(700003, "Timestamp for this request is outside of the recvWindow.")
    if signature != hmac_hex(venue.apis[api][1], query.encode() + request.body):
        raise SpotRefused(700002, "Signature for this request is not valid.")
    return api


def check_contract(venue: MEXC, request: Request) -> str:
    """Return whose request it is.

    Raises:
        ContractRefused: The key, the time or the signature is wrong.

    https://www.mexc.com/api-docs/futures/integration-guide
    """
    key, time = request.headers.get("ApiKey"), request.headers.get("Request-Time", "")
    api = venue.api_of(key)
    if key is None or api is None:
        raise ContractRefused(401, "Not logged in or login has expired!")
    window = request.headers.get("Recv-Window", str(CONTRACT_WINDOW))
    longest = min(int(window) if window.isdecimal() else CONTRACT_WINDOW, CONTRACT_LARGEST) * 1000
    if not time.isdecimal() or abs(venue.now().ms - int(time)) > longest:
        raise ContractRefused(513, "Invalid request time")
    if request.method in ("POST", "PUT"):
        text = request.body.decode()
    else:  # in the order of the names, escaped as it came
        parts = [part for part in request.target.partition("?")[2].split("&") if part]
        text = "&".join(sorted(parts, key=lambda part: [unquote_plus(each) for each in part.split("=", 1)]))
    if request.headers.get("Signature") != hmac_hex(venue.apis[api][1], f"{key}{time}{text}"):
        raise ContractRefused(602, "Signature verification failed!")
    return api
