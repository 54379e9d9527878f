"""The WebSocket API of the fake Binance: orders, user data of the spot market, sessions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...venue import parsed
from .signing import Refused, check_time, is_right

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...link import Link
    from . import Binance

__all__ = ["PATHS", "Api"]

PATHS = {"/ws-api/v3": "spot", "/ws-fapi/v1": "usdsm", "/ws-dapi/v1": "coinm"}


class Api:
    """Every socket to ``/ws-api/v3``, ``/ws-fapi/v1`` and ``/ws-dapi/v1``.

    https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/general-api-information
    """

    def __init__(self, venue: Binance) -> None:
        self._venue = venue
        trading = venue.trading
        self._signed: dict[str, Callable[[str, str, Mapping[str, Any]], Any]] = {
            "order.place": trading.place,
            "order.test": trading.test,
            "order.cancel": trading.cancel,
            "order.status": trading.query,
            "openOrders.status": trading.open,
            "openOrders.cancelAll": trading.cancel_all,
        }
        self._others: dict[str, Callable[[Link, dict[str, Any]], Any]] = {
            "ping": lambda link, params: {},
            "time": lambda link, params: {"serverTime": venue.now().ms},
            "session.logon": self._log_on,
            "session.status": self._status,
            "session.logout": self._log_out,
        }
        self._spot: dict[str, Callable[[Link, dict[str, Any]], Any]] = {
            "userDataStream.subscribe.signature": lambda link, params: self._subscribe(
                link, self._account_of(link, params)
            ),
            "userDataStream.subscribe": self._subscribe_session,
            "userDataStream.unsubscribe": self._unsubscribe,
        }
        self._futures: dict[str, Callable[[Link, dict[str, Any]], Any]] = {"userDataStream.start": self._start}

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a request."""
        heard = parsed(frame)
        match heard:
            case {"id": name, "method": str(method), **others} if isinstance(others.get("params", {}), dict):
                try:
                    result = self._execute(link, method, heard.get("params", {}))
                except Refused as refusal:
                    link.send({"id": name, "status": refusal.status, "error": refusal.data, "rateLimits": []})
                else:
                    if result is not None:
                        link.send({"id": name, "status": 200, "result": result, "rateLimits": []})
            case _:
                link.send({"id": None, "status": 400, "error": {"code": -1102, "msg": "Invalid request."}})

    def _execute(self, link: Link, method: str, params: dict[str, Any]) -> Any:
        kind = PATHS[link.path]
        own = self._others | (self._spot if kind == "spot" else self._futures)
        if method in own:
            return own[method](link, params)
        if method not in self._signed:
            raise Refused(-1102, f"Unknown method: {method}")
        return self._signed[method](self._account_of(link, params), kind, params)

    def _start(self, link: Link, params: dict[str, Any]) -> dict[str, Any]:
        return {"listenKey": self._venue.keys_of_streams.make(self._key_of(link, params), PATHS[link.path])}

    def _status(self, link: Link, params: dict[str, Any]) -> dict[str, Any]:
        return {"apiKey": None if link.api is None else self._venue.apis[link.api][0]}

    def _log_out(self, link: Link, params: dict[str, Any]) -> dict[str, Any]:
        link.api = None
        return self._status(link, params)

    def _unsubscribe(self, link: Link, params: dict[str, Any]) -> dict[str, Any]:
        link.topics.clear()
        link.send({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": self._venue.now().ms}})
        return {}

    def _subscribe_session(self, link: Link, params: dict[str, Any]) -> dict[str, Any] | None:
        if link.api is None:
            raise Refused(-2014, "This session is not authenticated.", 401)
        return self._subscribe(link, link.api)

    def _subscribe(self, link: Link, api: str) -> dict[str, Any] | None:
        answer = link.login_answer()
        if answer == "silent":
            return None
        if answer == "refuse":
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if "user" in link.topics:
            raise Refused(-2035, "User Data Stream subscription already active.")
        link.api = api
        link.topics["user"] = number = len(link.topics)
        return {"subscriptionId": number}

    def _log_on(self, link: Link, params: dict[str, Any]) -> dict[str, Any]:
        api = self._account_of(link, params)
        if "PRIVATE KEY" not in self._venue.apis[api][1]:
            raise Refused(-4056, "HMAC_SHA256 API key is not supported.")
        link.api = api
        return {"apiKey": params["apiKey"], "authorizedSince": self._venue.now().ms}

    def _key_of(self, link: Link, params: dict[str, Any]) -> str:
        api = self._venue.api_of(params.get("apiKey"))
        if api is None or api != self._venue.environment(link.host):
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return api

    def _account_of(self, link: Link, params: dict[str, Any]) -> str:
        """Return whose request it is.

        Raises:
            Refused: The key, the time or the signature is wrong.

        https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/request-security
        """
        if link.api is not None and "apiKey" not in params:
            check_time(params, self._venue.now().ms)
            return link.api
        api = self._key_of(link, params)
        check_time(params, self._venue.now().ms)
        items = sorted((name, value) for name, value in params.items() if name != "signature")
        text = "&".join(f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in items)
        if not is_right(self._venue.apis[api][1], text.encode(), str(params.get("signature"))):
            raise Refused(-1022, "Signature for this request is not valid.")
        return api
