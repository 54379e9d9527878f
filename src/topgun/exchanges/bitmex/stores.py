"""`BitMEXDataStore`: which message goes into which table, and what a table may take before its partial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from ...store import DataStore, DataStoreCollection, Topic
from .book import OrderBook, logger
from .tables import History, Latest, Order, Trade, Unlimited

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BitMEXDataStore"]

_DOCS = "https://www.bitmex.com/app/wsAPI#Subscriptions"
_ALIAS = {"orderBookL2_25": "orderBookL2"}  # two tables of the wire that are one here
_KINDS: dict[str, type[DataStore]] = {  # those of the tables made when they come that their key does not give away
    "orderBookL2_100": OrderBook,
    **dict.fromkeys(("announcement", "chat", "transact"), History),
}


@dataclass(slots=True)
class _Session:
    """What one connection has told so far.

    Attributes:
        begun: The tables whose partial has come.
        symbols: Of each table the symbol that was subscribed to last, empty for all.
    """

    begun: set[str] = field(default_factory=set)
    symbols: dict[str, str] = field(default_factory=dict)


class BitMEXDataStore(DataStoreCollection):
    """What BitMEX sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    Each table begins with a partial, which says what its key fields are; there is nothing to initialize. A table of
    the wire that is not declared here is made when its partial comes: ``store["settlement"]``.

    https://www.bitmex.com/app/wsAPI
    """

    funding = Topic(History, "funding", _DOCS)
    instrument = Topic(Latest, "instrument", _DOCS)
    insurance = Topic(History, "insurance", _DOCS)
    liquidation = Topic(Latest, "liquidation", _DOCS)
    orderbook = Topic(OrderBook, "orderBookL2", "https://www.bitmex.com/app/wsAPI#OrderBookL2")
    quote = Topic(History, "quote", _DOCS)
    quotebin1m = Topic(History, "quoteBin1m", _DOCS)
    quotebin5m = Topic(History, "quoteBin5m", _DOCS)
    quotebin1h = Topic(History, "quoteBin1h", _DOCS)
    quotebin1d = Topic(History, "quoteBin1d", _DOCS)
    trade = Topic(Trade, "trade", _DOCS)
    tradebin1m = Topic(History, "tradeBin1m", _DOCS)
    tradebin5m = Topic(History, "tradeBin5m", _DOCS)
    tradebin1h = Topic(History, "tradeBin1h", _DOCS)
    tradebin1d = Topic(History, "tradeBin1d", _DOCS)
    execution = Topic(History, "execution", _DOCS)
    order = Topic(Order, "order", _DOCS)
    margin = Topic(Latest, "margin", _DOCS)
    position = Topic(Unlimited, "position", _DOCS)
    wallet = Topic(Latest, "wallet", _DOCS)

    _ACTIONS: ClassVar = frozenset({"partial", "insert", "update", "delete"})

    def _init(self) -> None:
        self._sessions: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()
        self._replay = _Session()  # of messages without a socket, from a file

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        match msg:
            case {"table": str(wire), "action": str(action)} if action in self._ACTIONS:
                session = self._session(ws)
                if action == "partial":
                    self._give(wire, {**msg, "filter": _scope(msg, session.symbols.get(wire))}, ws)
                elif wire in session.begun:
                    self._give(wire, msg, ws)
            case {"error": error}:
                request = msg.get("request")
                asked = request.get("args") if isinstance(request, dict) and request.get("op") == "subscribe" else ""
                logger.warning("BitMEX refuses: %r (status %r) %r", error, msg.get("status"), asked)
            case {"success": True, "subscribe": str(topic)}:
                wire, _, symbol = topic.partition(":")
                self._session(ws).symbols[wire] = symbol
            case {"success": True, "unsubscribe": str(topic)}:
                for table in self._stores.values():
                    if isinstance(table, OrderBook):
                        table.release(topic, ws)

    def _session(self, ws: Any) -> _Session:
        return self._replay if ws is None else self._sessions.setdefault(ws, _Session())

    def _give(self, wire: str, msg: Any, ws: Any) -> None:
        """Give a message to its table, which is made if it is not there yet."""
        name = _ALIAS.get(wire, wire)
        if name not in self._stores:
            self._create(name, datastore_class=_KINDS.get(wire) or _kind(msg))
        table = self._stores[name]
        try:
            table._onmessage(msg, ws)  # noqa: SLF001  (as the collection itself does)
        except Exception as error:  # noqa: BLE001  (one message must not take the others down)
            self._report(name, msg, error)
        else:
            self._session(ws).begun.add(wire)
            self._fed(name, table, ws)


def _scope(msg: Mapping[str, Any], symbol: str | None) -> dict[str, Any]:
    """Return the fields that all rows of a subscription share: what its partial says, else what its ack has said."""
    said = msg.get("filter")
    if isinstance(said, dict) and said:
        return said
    return {"symbol": symbol} if symbol else {}


def _kind(partial: Mapping[str, Any]) -> type[DataStore]:
    """Return what a table that is not declared here must be: rows that are known by their time are not replaced."""
    keys: Any = partial.get("keys")
    return Latest if isinstance(keys, list) and keys and "timestamp" not in keys else History
