"""The trade socket of the fake Bybit: orders over WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rest import check_time
from .shapes import ident
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...link import Link
    from . import Bybit
    from .stream import Stream

__all__ = ["TradeSocket"]


class TradeSocket:
    """Every socket to ``/v5/trade``; orders in batches are not played.

    https://bybit-exchange.github.io/docs/v5/websocket/trade/guideline
    """

    def __init__(self, venue: Bybit, stream: Stream) -> None:
        self._venue = venue
        self._stream = stream

    def hear(self, link: Link, heard: Any) -> None:
        """Answer a request."""
        match heard:
            case {"op": "ping"}:
                self._answer(link, {"op": "pong"}, {"data": [str(self._venue.now().ms)]})
            case {"op": "auth", "args": list(args)}:
                self._log_in(link, heard, args)
            case {"op": str()}:
                self._execute(link, heard)
            case _:
                self._answer(link, {"op": ""}, {}, Refused(10001, "Request parameter error."))

    def _log_in(self, link: Link, heard: dict[str, Any], args: list[Any]) -> None:
        if link.api is not None:
            self._answer(link, heard, {}, Refused(20001, "Repeat auth"))
            return
        welcome = self._stream.log_in(link, args)
        if welcome is not None:
            refusal = Refused(10004, "error sign! please check your signature generation algorithm.")
            self._answer(link, heard, {}, None if welcome else refusal)

    def _execute(self, link: Link, heard: dict[str, Any]) -> None:
        now = self._venue.now().ms
        limits = {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "9", "X-Bapi-Limit-Reset-Timestamp": str(now)}
        header: dict[str, str] = {"Traceid": ident("trace", next(self._venue.numbers)).replace("-", "")}
        data: dict[str, Any] = {}
        refusal = None
        try:
            data = self._done(link, heard)
            header = {**limits, **header}
        except Refused as error:
            refusal = error
        told = {"data": data, "retExtInfo": {}, "header": {**header, "Timenow": str(now)}}
        self._answer(link, heard, told, refusal)

    def _done(self, link: Link, heard: dict[str, Any]) -> dict[str, Any]:
        trading = self._venue.trading
        ways: dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
            "order.create": trading.create, "order.amend": trading.amend, "order.cancel": trading.cancel,
        }  # fmt: skip
        if heard["op"] not in ways:
            raise Refused(10404, "op type is not found")
        if link.api is None:
            raise Refused(10007, "User not logged in.")
        if (name := heard.get("reqId")) is not None:
            if str(name) in link.topics:
                raise Refused(20006, "reqId is duplicated")
            link.topics[str(name)] = None
        match heard:
            case {"header": {"X-BAPI-TIMESTAMP": str(timestamp), **others}, "args": [dict(values)]}:
                check_time(timestamp, str(others.get("X-BAPI-RECV-WINDOW", "")), self._venue.now().ms)
                return ways[heard["op"]](link.api, values)
        raise Refused(10001, "Request parameter error.")

    def _answer(self, link: Link, heard: dict[str, Any], told: dict[str, Any], refusal: Refused | None = None) -> None:
        named = {"reqId": heard["reqId"]} if "reqId" in heard else {}
        code, message = (0, "OK") if refusal is None else (refusal.code, refusal.message)
        whole = {
            **named,
            "retCode": code,
            "retMsg": message,
            "op": heard["op"],
            **told,
            "connId": f"fake-{link.number}",
        }
        link.send(whole)
