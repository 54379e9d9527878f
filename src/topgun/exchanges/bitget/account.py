"""What belongs to an account at Bitget V2, from the stream and from HTTP answers: orders, positions, balances."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .ending import OpenOrders
from .rows import answered, rows_in

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Account", "AlgoOrders", "MarginOrders", "Orders", "Positions"]

_SPOT = "/api/v2/spot/"
_PAGE = 100  # orders in a full answer
_CERTAIN = ("orderId", "clientOid", "status", "startTime", "endTime")  # what asks for a part of the open orders


class _Told(OpenOrders):
    """Orders that a channel of V2 tells."""

    _KEYS = ("instType", "instId", "orderId")
    _IDENT = _KEYS
    _NAMED: ClassVar[Sequence[str]] = ()  # what stands in ``arg`` alone

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._hear(rows_in(msg, (*self._KEYS, "status"), *self._NAMED))


class Orders(_Told):
    """Open orders of spot and futures. Spot spells ``cancelled``, futures ``canceled``.

    An answer that lists open orders replaces those that it covers.

    https://www.bitget.com/api-doc/contract/websocket/private/Order-Channel
    https://www.bitget.com/api-doc/contract/trade/Get-Orders-Pending
    https://www.bitget.com/api-doc/spot/trade/Get-Unfilled-Orders
    """

    _OPEN = frozenset({"live", "partially_filled"})
    _FINAL = frozenset({"filled", "canceled", "cancelled"})
    _FUTURES: ClassVar = {"symbol": "instId", "baseVolume": "accBaseVolume"}
    _SPOT: ClassVar = {
        "symbol": "instId", "baseVolume": "accBaseVolume", "priceAvg": "price", "basePrice": "priceAvg",
    }  # fmt: skip

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool | None:
        query = url.query
        if query.get("tpslType") == "tpsl":  # those are no orders yet
            return False
        if url.path.startswith(_SPOT):
            kind, listed, names = "SPOT", data["data"], self._SPOT
        else:
            kind, listed, names = query["productType"].upper(), data["data"]["entrustedList"] or [], self._FUTURES
        rows = answered(listed, kind, names, (*self._KEYS, "status"))
        here = {(row["instId"], row["orderId"]) for row in rows if row["status"] not in self._FINAL}
        covered = _covered(query, [row["orderId"] for row in rows], self.find({"instType": kind}))
        self._delete([row for row in covered if (row["instId"], row["orderId"]) not in here])
        self._end(row for row in rows if row["status"] in self._FINAL)
        self._update([row for row in rows if not self._outdated(row)])
        return None


class AlgoOrders(_Told):
    """Trigger orders that wait.

    https://www.bitget.com/api-doc/contract/websocket/private/Plan-Order-Channel
    """

    _OPEN = frozenset({"live", "executing"})
    _FINAL = frozenset({"executed", "fail_execute", "cancelled", "canceled"})


class MarginOrders(_Told):
    """Open orders of cross margin, or of isolated margin; ``instId`` is that of the subscription.

    https://www.bitget.com/api-doc/margin/cross/websocket/private/Cross-Orders
    """

    _OPEN = frozenset({"new", "live", "partially_filled"})
    _FINAL = frozenset({"filled", "canceled", "cancelled", "reject", "rejected"})
    _NAMED = ("instId",)


class Positions(DataStore):
    """Open positions. Each message lists all of its product type, so others of that type are closed.

    An answer counts while no socket tells the positions of its product type. It knows no ``posId``: a position that
    the stream has not told yet has its margin coin and its side there.

    https://www.bitget.com/api-doc/contract/websocket/private/Positions-Channel
    https://www.bitget.com/api-doc/contract/position/get-all-position
    """

    _KEYS = ("instType", "instId", "posId")
    _MAXLEN = None
    _NAMES: ClassVar = {"symbol": "instId", "locked": "frozen", "marginRatio": "marginRate"}

    def _init(self) -> None:
        self._tellers: dict[Hashable, Any] = {}  # the socket that tells all positions of a product type

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows, arg = rows_in(msg, self._KEYS), msg["arg"]
        covers = {"instType": arg["instType"]}
        if arg.get("instId", "default") == "default":
            self._tellers[arg["instType"]] = ws
        else:
            covers["instId"] = arg["instId"]
        self._put_in_place(covers, rows)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        kind, coin = url.query["productType"].upper(), url.query.get("marginCoin")
        rows = answered(data["data"], kind, self._NAMES, ("instId", "holdSide", "marginCoin"))
        if not getattr(self._tellers.get(kind), "closed", True):
            return
        known = {_name(row): row["posId"] for row in self.find({"instType": kind})}
        for row in rows:
            row.setdefault("posId", known.get(_name(row), f"{row['marginCoin']} {row['holdSide']}"))
        self._put_in_place({"instType": kind, **({"marginCoin": coin.upper()} if coin else {})}, rows)

    def _put_in_place(self, covers: Mapping[str, Any], rows: Sequence[Item]) -> None:
        """Take `rows` for all positions that there are of what `covers` names."""
        here = {(row["instId"], row["posId"]) for row in rows}
        self._delete([row for row in self.find(covers) if (row["instId"], row["posId"]) not in here])
        self._update(rows)


class Account(DataStore):
    """The balance of each coin: spot has ``coin``, futures have ``marginCoin``.

    An answer lists what there is, so other coins of its kind are gone. ``get({"instType": ...})`` finds the first coin.

    https://www.bitget.com/api-doc/spot/websocket/private/Account-Channel
    https://www.bitget.com/api-doc/contract/websocket/private/Account-Channel
    https://www.bitget.com/api-doc/spot/account/Get-Account-Assets
    https://www.bitget.com/api-doc/contract/account/Get-Account-List
    """

    _KEYS = ("instType", "coin")
    _FUTURES: ClassVar = {
        "locked": "frozen", "accountEquity": "equity", "crossedMaxAvailable": "maxOpenPosAvailable",
    }  # fmt: skip

    def _init(self) -> None:
        self._key = _coin_of

    def get(self, item: Mapping[str, Any]) -> Item | None:
        """Return the row of the coin; without ``coin`` and ``marginCoin`` the first row of the ``instType``."""
        if item.keys() == {"instType"}:
            return next(iter(self.find(item)), None)
        return super().get(item)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(_coins(rows_in(msg, ("instType",))))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        spot = url.path.startswith(_SPOT)
        kind = "SPOT" if spot else url.query["productType"].upper()
        rows = _coins(answered(data["data"], kind, {} if spot else self._FUTURES, ("instType",)))
        here, coin = {_coin_of(row) for row in rows}, url.query.get("coin")
        gone = [row for row in self.find({"instType": kind}) if not coin or row.get("coin") == coin.upper()]
        self._delete([row for row in gone if _coin_of(row) not in here])
        self._update(rows)


def _coin_of(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row["instType"], row["coin"] if "coin" in row else row["marginCoin"]


def _coins(rows: list[Item]) -> list[Item]:
    """Return `rows` if each names its coin.

    Raises:
        TypeError: One does not.
    """
    for row in rows:
        if not isinstance(row.get("coin", row.get("marginCoin")), str):
            raise TypeError("a row without coin")
    return rows


def _name(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells a position from others where there is no ``posId``."""
    return row["instId"], row.get("marginCoin"), row.get("holdSide")


def _covered(query: Mapping[str, str], listed: Sequence[Any], known: Sequence[Item]) -> list[Item]:
    """Return those of the known orders that an answer to `query` would list if they were open.

    One that asks for certain orders covers none. Ids rise with time and answers begin with the latest order, so a full
    page covers what is not older than its last order.
    """
    if any(query.get(name) for name in _CERTAIN):
        return []
    symbol, full = query.get("symbol", "").upper(), len(listed) >= min(int(query.get("limit") or _PAGE), _PAGE)
    first = min(map(int, listed)) if full and listed else -1
    last = int(query["idLessThan"]) - 1 if query.get("idLessThan") else inf
    return [row for row in known if symbol in ("", row["instId"]) and first <= _age(row) <= last]


def _age(row: Item) -> int:
    """Return the number of an order, -1 if it has none."""
    ident = str(row["orderId"])
    return int(ident) if ident.isdecimal() else -1
