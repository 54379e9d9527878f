"""The tables of an account: orders and balances of both markets, positions and limits of contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...store import DataStore
from .._recent import Recent
from .._rows import one_or_more

if TYPE_CHECKING:
    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Account", "Executions", "Latest", "Orders", "Positions"]

_PAGE = 20  # rows of an answer that names no number of them
_STATUS = {"NEW": 1, "PARTIALLY_FILLED": 3}
_SIDES = {"BUY": 1, "SELL": 2}
_TYPES = {"LIMIT": 1, "LIMIT_MAKER": 2, "IMMEDIATE_OR_CANCEL": 3, "FILL_OR_KILL": 4, "MARKET": 5}
_SPOT = {  # the names that the stream has for the fields of answers
    "clientId": "clientOrderId", "price": "price", "quantity": "origQty", "cumulativeQuantity": "executedQty",
    "cumulativeAmount": "cummulativeQuoteQty",
}  # fmt: skip
_DONE = ("cumulativeQuantity", "dealVol")  # how much of an order is filled


class Orders(DataStore):
    """Open orders of both markets. One that is over goes, and does not come back with an answer that knows less.

    An answer lists what is open, so it replaces the orders that it covers: those of a market, or of the symbols that
    were asked for. One page of several covers nothing.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    https://www.mexc.com/api-docs/futures/websocket-api
    """

    _KEYS = ("orderId",)
    _MAXLEN = None

    def _init(self) -> None:
        self._over = Recent()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if "privateOrders" in msg:
            [row] = one_or_more(msg["privateOrders"], ("id", "status"))
            row, is_open = {"symbol": msg["symbol"], "orderId": row["id"], **row}, row["status"] in (1, 3)
        else:
            [row] = one_or_more(msg["data"], ("orderId", "state"))
            row, is_open = {**row, "orderId": str(row["orderId"])}, row["state"] in (1, 2)
        if not is_open:
            self._over.note(row["orderId"])
            self._delete([row])
        elif row["orderId"] not in self._over:
            self._update([row])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        spot, rows, whole = url.name == "openOrders", [], True
        if spot:
            symbols = {name for name in url.query.get("symbol", "").split(",") if name}
            rows = [_spot_order(row) for row in one_or_more(data, ("orderId",)) if row.get("status") in _STATUS]
        else:
            named = url.name if url.name != "open_orders" else url.query.get("symbol")
            symbols = {named} if named else set()
            rows = [{**row, "orderId": str(row["orderId"])} for row in one_or_more(data["data"], ("orderId",))]
            rows, listed = [row for row in rows if row.get("state", 2) in (1, 2)], len(rows)
            page, size = url.query.get("page_num", "1"), url.query.get("page_size", str(_PAGE))
            whole = page == "1" and listed < int(size)
        fresh = [self._later(row) for row in rows if row["orderId"] not in self._over]
        if whole:
            covered = [row for row in self if ("_" in row["symbol"]) != spot]
            self._delete([row for row in covered if not symbols or row["symbol"] in symbols])
        self._insert(fresh)
        return whole

    def _later(self, row: Item) -> Item:
        """Return a row of an answer, or the one that is there if more of the order is filled there."""
        known = self.get(row)
        return dict(known) if known is not None and _done(known) > _done(row) else row


def _spot_order(raw: Item) -> Item:
    """Return an order of an answer under the names of the stream."""
    name = str(raw["orderId"])
    return {
        "symbol": raw["symbol"], "orderId": name, "id": name,
        **{field: raw[answered] for field, answered in _SPOT.items()}, "status": _STATUS[raw["status"]],
        "tradeType": _SIDES[raw["side"]], "orderType": _TYPES[raw["type"]], "createTime": raw["time"],
    }  # fmt: skip


def _done(row: Item) -> Decimal:
    return Decimal(str(next((row[name] for name in _DONE if name in row), 0) or 0))


class Account(DataStore):
    """The balances of each currency, of both markets; ``market`` and, on spot, ``currency`` are added.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    https://www.mexc.com/api-docs/futures/websocket-api
    """

    _KEYS = ("market", "currency")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if "privateAccount" in msg:
            [row] = one_or_more(msg["privateAccount"], ("vcoinName",))
            self._update([{"market": "spot", "currency": row["vcoinName"], **row}])
        else:
            self._update([{"market": "contract", **row} for row in one_or_more(msg["data"], ("currency",))])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        """Take an answer, which lists every balance of its market."""
        if url.name == "account":
            market, rows = "spot", [_spot_balance(row) for row in one_or_more(data["balances"], ("asset",))]
        else:
            market, rows = "contract", one_or_more(data["data"], ("currency",))
        fresh = [{"market": market, **row} for row in rows]
        self._find_and_delete({"market": market})
        self._insert(fresh)


def _spot_balance(raw: Item) -> Item:
    return {"currency": raw["asset"], "balanceAmount": raw["free"], "frozenAmount": raw["locked"]}


class Executions(DataStore):
    """The fills of one's own orders on both markets; those of spot get ``symbol``.

    https://www.mexc.com/api-docs/spot-v3/websocket-user-data-streams
    """

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        deal = msg.get("privateDeals")
        self._insert(one_or_more(msg["data"]) if deal is None else [{"symbol": msg["symbol"], **deal}])


class Positions(DataStore):
    """Open positions of contracts; one that is closed goes.

    https://www.mexc.com/api-docs/futures/websocket-api
    """

    _KEYS = ("positionId",)
    _MAXLEN = None

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        [row] = one_or_more(msg["data"], self._KEYS)
        if row.get("state") == 3 or ("holdVol" in row and not Decimal(str(row["holdVol"]))):
            self._delete([row])
        else:
            self._update([row])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        """Take an answer, which lists every position, or those of one symbol."""
        rows, symbol = one_or_more(data["data"], self._KEYS), url.query.get("symbol")
        self._find_and_delete({"symbol": symbol} if symbol else None)
        self._insert(rows)


class Latest(DataStore):
    """What is known last of each key: the place in the queue of auto-deleveraging, the limits of risk.

    https://www.mexc.com/api-docs/futures/websocket-api
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(msg["data"], self._keys))
