"""The tables of bitFlyer; the book is in board.py, those estimated from fills in account.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .account import Balance, Collateral, Positions
from .board import Board
from .shapes import is_text, listed, logger, scope, sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["bitFlyerDataStore"]

_DOCS = "https://bf-lightning-api.readme.io/docs"
_PUBLIC = re.compile(r"lightning_(board|ticker|executions)_")


class Ticker(DataStore):
    """The latest ticker of each product.

    https://bf-lightning-api.readme.io/docs/realtime-ticker
    """

    _KEYS = ("product_code",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([msg["params"]["message"]])


class Executions(DataStore):
    """Trades of the market, in the order of arrival; ``side`` is empty for those of an auction.

    https://bf-lightning-api.readme.io/docs/realtime-executions
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        product = msg["params"]["channel"].removeprefix("lightning_executions_")
        self._insert([{"product_code": product, **row} for row in msg["params"]["message"]])


class OrderEvents(DataStore):
    """Every event of the account's orders, in the order of arrival."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(msg["params"]["message"])


class Orders(DataStore):
    """Open orders: begun by ORDER events or by a REST answer (each in its own shape), ended by events."""

    _MAXLEN = None
    _STATE: ClassVar[str]  # the field of a REST row that says whether the order is open

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for event in msg["params"]["message"]:
            match event["event_type"]:
                case "ORDER":
                    self._insert([event])
                case "CANCEL" | "EXPIRE":
                    self._delete([event])
                case _ if row := self.get(event):
                    self._progress(row, event)

    def _progress(self, row: Item, event: Item) -> None:
        """Let an event of another kind change or end its open order `row`."""

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        rows = listed(data, url, dict.fromkeys((*self._KEYS, "product_code", self._STATE), is_text))
        if rows is None:
            return False
        self._find_and_delete(scope(rows, url))
        self._insert([row for row in rows if row[self._STATE] == "ACTIVE"])
        return True


class ChildOrders(Orders):
    """Open orders; ``size`` is what is still to be filled, as soon as a fill was seen.

    https://bf-lightning-api.readme.io/docs/realtime-child-order-events
    """

    _KEYS = ("child_order_acceptance_id",)
    _STATE = "child_order_state"

    def _progress(self, row: Item, event: Item) -> None:
        if event["event_type"] == "EXECUTION":
            if left := event["outstanding_size"]:
                self._update([{**{key: event[key] for key in self._KEYS}, "size": left}])
            else:
                self._delete([event])


class ParentOrders(Orders):
    """Open special orders (IFD, OCO, STOP...).

    https://bf-lightning-api.readme.io/docs/realtime-parent-order-events
    """

    _KEYS = ("parent_order_acceptance_id",)
    _STATE = "parent_order_state"

    def _progress(self, row: Item, event: Item) -> None:
        if event["event_type"] == "COMPLETE":
            in_two_steps = row.get("parent_order_type") in ("IFD", "IFDOCO")
            if not in_two_steps or event["parameter_index"] >= 2:
                self._delete([event])


class bitFlyerDataStore(DataStoreCollection):
    """What bitFlyer sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    For a book subscribe to both ``lightning_board_snapshot_P`` and ``lightning_board_P``: the store unsubscribes the
    first as soon as it has its snapshot, and gets a new one after a reconnect.

    https://bf-lightning-api.readme.io/docs/endpoint-json-rpc
    """

    board = Topic(Board, "board", f"{_DOCS}/realtime-board")
    ticker = Topic(Ticker, "ticker", f"{_DOCS}/realtime-ticker")
    executions = Topic(Executions, "executions", f"{_DOCS}/realtime-executions")
    childorderevents = Topic(OrderEvents, "childorderevents", f"{_DOCS}/realtime-child-order-events")
    childorders = Topic(ChildOrders, "childorders", f"{_DOCS}/realtime-child-order-events")
    parentorderevents = Topic(OrderEvents, "parentorderevents", f"{_DOCS}/realtime-parent-order-events")
    parentorders = Topic(ParentOrders, "parentorders", f"{_DOCS}/realtime-parent-order-events")
    positions = Topic(Positions, "positions", f"{_DOCS}/realtime-child-order-events")
    collateral = Topic(Collateral, "collateral", f"{_DOCS}/realtime-child-order-events")
    balance = Topic(Balance, "balance", f"{_DOCS}/realtime-child-order-events")

    _RESPONSES: ClassVar = {
        "/v1/me/getchildorders": "childorders",
        "/v1/me/getparentorders": "parentorders",
        "/v1/me/getpositions": "positions",
        "/v1/me/getcollateral": "collateral",
        "/v1/me/getbalance": "balance",
    }

    def _init(self) -> None:
        self.positions.collateral = self.collateral

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        match msg:
            case {"error": error}:
                logger.warning("bitFlyer answers request %r: %r", msg.get("id"), error)
        match msg:
            case {"params": {"channel": "child_order_events" | "parent_order_events" as channel, "message": events}}:
                key = f"{channel.removesuffix('_order_events')}_order_acceptance_id"
                msg = {"params": {"channel": channel, "message": sound(events, key)}}
        super()._onmessage(msg, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        match msg:
            case {"params": {"channel": "child_order_events"}}:
                return ("childorderevents", "childorders", "positions", "balance")
            case {"params": {"channel": "parent_order_events"}}:
                return ("parentorderevents", "parentorders")
            case {"params": {"channel": str(channel)}} if public := _PUBLIC.match(channel):
                return (public[1],)
        return ()

    def _failure(self, url: URL, data: Any) -> bool:
        return isinstance(data, dict) and "error_message" in data
