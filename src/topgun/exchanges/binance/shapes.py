"""What Binance's messages and answers look like: where the payload is, what a stream is, which rows they hold."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from ...typedefs import Item

__all__ = ["Depth", "depth_of", "event_of", "mapped", "named", "payload", "refuses", "rest_of", "streams_in"]

_REST = {
    "stream.binance.com": "https://api.binance.com/api/v3",
    "data-stream.binance.vision": "https://data-api.binance.vision/api/v3",
    "stream.testnet.binance.vision": "https://testnet.binance.vision/api/v3",
    "testnet.binance.vision": "https://testnet.binance.vision/api/v3",
    "demo-stream.binance.com": "https://demo-api.binance.com/api/v3",
    "fstream.binance.com": "https://fapi.binance.com/fapi/v1",
    "dstream.binance.com": "https://dapi.binance.com/dapi/v1",
    "fstream.binancefuture.com": "https://testnet.binancefuture.com/fapi/v1",
    "stream.binancefuture.com": "https://testnet.binancefuture.com/fapi/v1",
    "dstream.binancefuture.com": "https://testnet.binancefuture.com/dapi/v1",
    "demo-fstream.binance.com": "https://demo-fapi.binance.com/fapi/v1",
    "demo-dstream.binance.com": "https://demo-dapi.binance.com/dapi/v1",
}


def rest_of(url: URL) -> str | None:
    """Return where the HTTP API of a socket's product is, ``None`` if nobody knows."""
    if "pm" in url.parts and url.host == "fstream.binance.com":  # portfolio margin
        return "https://papi.binance.com/papi/v1"
    return _REST.get(url.host or "")


def streams_in(url: URL) -> list[str]:
    """Return the streams that a URL names: ``/ws/<stream>``, ``?streams=<stream>/<stream>``."""
    found = [url.name] if url.parts[-2:-1] == ("ws",) else []
    return found + [stream for text in url.query.getall("streams", []) for stream in text.split("/")]


def payload(msg: Any) -> Any:
    """Return what a message is about: ``data`` of a combined stream, ``event`` of the WebSocket API, or all of it."""
    if not isinstance(msg, dict):
        return msg
    if "data" in msg:
        return msg["data"]
    event = msg.get("event")
    return event if isinstance(event, dict) else msg


def event_of(data: Any) -> str:
    """Return the type of event that a payload, or the first row of an array, names; empty if there is none."""
    if isinstance(data, list):
        data = data[0] if data else None
    event = data.get("e") if isinstance(data, dict) else None
    return event if isinstance(event, str) else ""


def refuses(msg: Mapping[str, Any]) -> bool:
    """Tell a refusal: of a subscription, or of a request to the WebSocket API."""
    return "error" in msg or ("e" not in msg and isinstance(msg.get("code"), int) and isinstance(msg.get("msg"), str))


def named(msg: Item, ws: Any) -> Item:
    """Return a message with the name of its stream, where the URL of the socket has it and the message has not."""
    if "stream" in msg or ws is None or "@" not in ws.url.name:
        return msg
    return {"stream": ws.url.name, "data": msg}


class Depth(NamedTuple):
    """What a stream of a book is.

    Attributes:
        table: Which table it fills, ``""`` = none: the RPI book is another book.
        symbol: In upper case.
        levels: How many levels a message of a partial book holds.
    """

    table: str
    symbol: str = ""
    levels: int = 0


@lru_cache(maxsize=4096)
def depth_of(stream: str) -> Depth:
    """Read the name of a stream such as ``btcusdt@depth``, ``btcusdt@depth5@100ms``, ``btcusdt@rpiDepth@500ms``."""
    symbol, _, kind = stream.partition("@")
    if kind.startswith("rpiDepth"):
        return Depth("")
    partial = re.match(r"depth(\d+)", kind)
    return Depth("partialdepth", symbol.upper(), int(partial[1])) if partial else Depth("orderbook", symbol.upper())


def mapped(row: Item, fields: Mapping[str, str]) -> Item:
    """Return a row of an answer under the names that the stream uses; what is not there is left out."""
    return {name: row[field] for name, field in fields.items() if field in row}
