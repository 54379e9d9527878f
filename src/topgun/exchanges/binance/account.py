"""The tables of an account: orders of all kinds, and what it holds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._recent import Recent
from .._rows import one_or_more
from .shapes import mapped, payload

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Account", "AlgoOrder", "Balance", "FuturesOrder", "OcoOrder", "Position", "SpotOrder"]

_CERTAIN = ("algoId", "algoType", "orderId")  # what asks for a part of the open orders


class _Open(DataStore):
    """Rows that end: those that are over go, and do not come back with an answer that knows less.

    An answer lists what is open, so it replaces the rows that its query covers.
    """

    _MAXLEN = None
    _STATE: ClassVar[str] = "X"
    _FINAL: ClassVar[frozenset[str]] = frozenset()
    _DONE: ClassVar[str] = "z"  # how much of it is filled
    _REST: ClassVar[Mapping[str, str]] = {}
    _REST_STATE: ClassVar[str] = "status"

    def _init(self) -> None:
        self._over = Recent()

    def _hear(self, row: Any) -> None:
        """Take what the stream says of a row, unless a slow socket says it too late."""
        one_or_more(row, (*self._KEYS, self._STATE))
        if row[self._STATE] in self._FINAL:
            self._over.note(self._ident(row))
            self._delete([row])
        elif self._ident(row) not in self._over and self._later(row) is row:
            self._update([row])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        if not isinstance(data, list):
            raise TypeError("not a list of what is open")
        listed = [self._named(raw) for raw in one_or_more(data) if raw.get(self._REST_STATE) not in self._FINAL]
        rows = [self._later(row) for row in listed if self._ident(row) not in self._over]
        symbol, pair = url.query.get("symbol"), url.query.get("pair")
        whole = not any(url.query.get(name) for name in _CERTAIN)
        if not whole:
            pass  # a part of what is open, which says nothing of the rest
        elif symbol:
            self._find_and_delete({"s": symbol})
        elif pair:
            self._delete([row for row in self if is_of_pair(row, pair)])
        else:
            self._clear()
        self._fill(rows)
        return whole

    def _fill(self, rows: Sequence[Item]) -> None:
        self._insert(rows)

    def _ident(self, row: Item) -> Hashable:
        return tuple(row[name] for name in self._KEYS)

    def _named(self, raw: Item) -> Item:
        """Return a row of an answer under the names of the stream."""
        return one_or_more(mapped(raw, self._REST), self._KEYS)[0]

    def _later(self, row: Item) -> Item:
        """Return a row, or a copy of the one that is there if more of the order is filled there."""
        known = self.get(row) or {}
        more = _number(known.get(self._DONE)) > _number(row.get(self._DONE))
        return dict(known) if more else row


def _number(amount: Any) -> Decimal:
    """Return an amount, 0 for what is none: an order must not be lost for that."""
    try:
        number = Decimal(amount or 0)
    except (ArithmeticError, TypeError, ValueError):
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)


_FINAL = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "EXPIRED_IN_MATCH"})


class SpotOrder(_Open):
    """Open orders of the spot market.

    https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#order-update
    """

    _KEYS = ("s", "i")
    _FINAL = _FINAL
    _REST = {  # noqa: RUF012
        "s": "symbol", "i": "orderId", "c": "clientOrderId", "p": "price", "q": "origQty", "z": "executedQty",
        "Z": "cummulativeQuoteQty", "f": "timeInForce", "o": "type", "S": "side", "P": "stopPrice", "F": "icebergQty",
        "E": "time", "T": "updateTime", "w": "isWorking", "Q": "origQuoteOrderQty",
    }  # fmt: skip

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._hear(payload(msg))


class FuturesOrder(_Open):
    """Open orders of futures; conditional ones are in `AlgoOrder` until they are triggered.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Order-Update
    """

    _KEYS = ("s", "i")
    _FINAL = _FINAL
    _REST = {  # noqa: RUF012
        "s": "symbol", "c": "clientOrderId", "S": "side", "o": "type", "f": "timeInForce", "q": "origQty",
        "p": "price", "ap": "avgPrice", "sp": "stopPrice", "X": "status", "i": "orderId", "z": "executedQty",
        "T": "updateTime", "R": "reduceOnly", "wt": "workingType", "ot": "origType", "ps": "positionSide",
        "cp": "closePosition", "pP": "priceProtect",
    }  # fmt: skip

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._hear(payload(msg)["o"])


class AlgoOrder(_Open):
    """Conditional orders of futures that are not over.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Algo-Order-Update
    https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Current-All-Algo-Open-Orders
    """

    _KEYS = ("aid",)
    _FINAL = frozenset({"FINISHED", "CANCELED", "EXPIRED", "REJECTED"})
    _DONE = "aq"
    _REST_STATE = "algoStatus"
    _REST = {  # noqa: RUF012
        "caid": "clientAlgoId", "aid": "algoId", "at": "algoType", "o": "orderType", "s": "symbol", "S": "side",
        "ps": "positionSide", "f": "timeInForce", "q": "quantity", "X": "algoStatus", "ai": "actualOrderId",
        "ap": "actualPrice", "tp": "triggerPrice", "p": "price", "V": "selfTradePreventionMode", "wt": "workingType",
        "pm": "priceMatch", "cp": "closePosition", "pP": "priceProtect", "R": "reduceOnly", "tt": "triggerTime",
        "gtd": "goodTillDate",
    }  # fmt: skip

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._hear(payload(msg)["o"])


class OcoOrder(_Open):
    """Lists of orders that are not all done.

    https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#list-status
    """

    _KEYS = ("s", "g")
    _STATE = "l"
    _FINAL = frozenset({"ALL_DONE"})
    _REST_STATE = "listStatusType"
    _REST = {  # noqa: RUF012
        "s": "symbol", "g": "orderListId", "c": "contingencyType", "l": "listStatusType", "L": "listOrderStatus",
        "C": "listClientOrderId", "T": "transactionTime",
    }  # fmt: skip
    _ORDER: ClassVar[Mapping[str, str]] = {"s": "symbol", "i": "orderId", "c": "clientOrderId"}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._hear(payload(msg))

    def _fill(self, rows: Sequence[Item]) -> None:
        self._update(rows)

    def _named(self, raw: Item) -> Item:
        orders = [mapped(order, self._ORDER) for order in one_or_more(raw["orders"])]
        return {"e": "listStatus", "E": None, "r": "NONE", **super()._named(raw), "O": orders}


class _Holdings(DataStore):
    """What an account has; rows stay when nothing is left, with amounts of zero.

    Some answers list only what there is, so a row that an answer covers but does not list has become zero.
    """

    _AMOUNTS: ClassVar[Sequence[str]] = ()
    _REST: ClassVar[Mapping[str, str]] = {}

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        rows = [one_or_more(mapped(raw, self._REST), self._KEYS)[0] for raw in one_or_more(data)]
        listed = {self._ident(row) for row in rows}
        gone = [
            {**dict(zip(self._KEYS, self._ident(row), strict=True)), **dict.fromkeys(self._AMOUNTS, "0")}
            for row in self
            if self._ident(row) not in listed and self._covers(url, row) and self._has_some(row)
        ]
        self._update([*rows, *gone])

    def _ident(self, row: Item) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._KEYS)

    def _has_some(self, row: Item) -> bool:
        return any(Decimal(row.get(name) or 0) for name in self._AMOUNTS)

    def _covers(self, url: URL, row: Item) -> bool:
        """Tell whether the answer would list `row`."""
        return True


class Account(_Holdings):
    """The assets of the spot account: what is free (``f``) and what orders have locked (``l``).

    https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#account-update
    """

    _KEYS = ("a",)
    _AMOUNTS = ("f", "l")
    _REST = {"a": "asset", "f": "free", "l": "locked"}  # noqa: RUF012

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(payload(msg)["B"], self._KEYS))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        super()._onresponse(data["balances"], url, requester)


class Balance(_Holdings):
    """The balances of the futures account.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Balance-and-Position-Update
    """

    _KEYS = ("a",)
    _AMOUNTS = ("wb", "cw")
    _REST = {"a": "asset", "wb": "balance", "cw": "crossWalletBalance"}  # noqa: RUF012

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(payload(msg)["a"].get("B") or [], self._KEYS))


class Position(_Holdings):
    """The positions of the futures account; a closed one stays, with ``pa`` "0".

    https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Balance-and-Position-Update
    """

    _KEYS = ("s", "ps")
    _MAXLEN = None
    _AMOUNTS = ("pa", "ep", "up")
    _REST = {  # noqa: RUF012
        "s": "symbol", "pa": "positionAmt", "ep": "entryPrice", "up": "unRealizedProfit", "mt": "marginType",
        "iw": "isolatedWallet", "ps": "positionSide",
    }  # fmt: skip

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(one_or_more(payload(msg)["a"].get("P") or [], self._KEYS))

    def _covers(self, url: URL, row: Item) -> bool:
        symbol, pair, asset = (url.query.get(name) for name in ("symbol", "pair", "marginAsset"))
        if symbol:
            return bool(row["s"] == symbol)
        if pair:
            return is_of_pair(row, pair)
        return not asset or str(row["s"]).startswith(f"{asset}USD")


def is_of_pair(row: Item, pair: str) -> bool:
    """Tell whether a row belongs to a pair: ``BTCUSD_PERP`` to ``BTCUSD``."""
    return str(row["s"]).startswith(f"{pair}_")
