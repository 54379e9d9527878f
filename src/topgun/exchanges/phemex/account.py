"""Orders, positions, accounts and wallets of Phemex, from the stream and from answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["ORDERS", "POSITIONS", "Accounts", "Fills", "MarginFills", "MarginOrders", "Orders", "Positions", "Wallets"]

ORDERS = {"/orders/activeList": "COIN-M", "/g-orders/activeList": "USD-M", "/spot/orders": "spot"}
POSITIONS = {
    "/accounts/accountPositions": "COIN-M",
    "/accounts/positions": "COIN-M",
    "/g-accounts/accountPositions": "USD-M",
    "/g-accounts/positions": "USD-M",
}
"""Which family the answers of a path are about."""
_WORDS = {"orderType": "ordType"}
_OPEN = frozenset({"New", "PartiallyFilled", "Untriggered"})
_FINAL = frozenset({"Filled", "Canceled", "Rejected", "Deactivated"})


class _Family(DataStore):
    """Rows of several families, each told by a channel of its own: a snapshot replaces those of its family alone.

    COIN-M, USD-M and spot have no symbol in common, so a symbol tells the family once it has been seen there.
    """

    _MAXLEN = None
    _CHANNELS: ClassVar[Mapping[str, str]]
    """Which field of a message holds the rows of which family."""

    def _init(self) -> None:
        self._families: dict[Any, str] = {}  # by symbol

    def _told(self, family: str, told: Iterable[Item]) -> None:
        """Know of which family the symbols of these rows are."""
        for row in told:
            self._families[row["symbol"]] = family

    def _drop(self, family: str, kept: Collection[Any], **fields: Any) -> None:
        """Remove the rows of a family that a snapshot would have told: those with these fields, but not `kept`.

        Args:
            family: Which.
            kept: The keys of the rows that it has.
            fields: What they have to have; a collection = one of these, ``None`` = anything. A row that lacks the
                field may have it.
        """
        gone = [
            key
            for key, row in self._find_with_uuid().items()
            if key not in kept and self._families.get(row["symbol"]) == family
            if all(wanted is None or row.get(name) is None or row[name] in wanted for name, wanted in fields.items())
        ]
        self._remove(gone)


class Orders(_Family):
    """Open orders: those that are filled, cancelled or rejected go.

    A snapshot of a channel replaces the orders of its family, and so does an answer, for its symbol. It also tells
    orders that have ended, and fills of the past; none of those comes back.

    https://phemex-docs.github.io/#subscribe-account-order-position-aop
    """

    _KEYS = ("orderID",)
    _CHANNELS: ClassVar = {"orders": "COIN-M", "orders_p": "USD-M"}
    _SPOT = "spot"

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for name, listed in self._CHANNELS.items():
            if name in msg:
                family, told = listed, msg[name]
                if isinstance(told, dict):  # spot and margin, whose ends come in a list of their own
                    family, told = self._SPOT, [*_rows(told.get("open")), *_rows(told.get("closed"))]
                orders = _rows(told, ("orderID", "symbol", "ordStatus"))
                self._told(family, orders)
                if msg.get("type") == "snapshot":
                    orders = _latest(orders)
                    self._drop(family, {order["orderID"] for order in orders}, accountID=_accounts(msg))
                self._carry_on(orders)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        answer, family = data["data"], ORDERS[url.path]
        orders = _answered(answer["rows"] if isinstance(answer, dict) else answer, ("orderID", "symbol", "ordStatus"))
        self._told(family, orders)
        states = url.query.getall("ordStatus", [])
        if not states or _OPEN.issubset(state for each in states for state in each.split(",")):
            symbol = url.query.get("symbol")
            self._drop(family, {order["orderID"] for order in orders}, symbol={symbol} if symbol else None)
        self._carry_on(orders)

    def _carry_on(self, orders: Iterable[Item]) -> None:
        for order in orders:
            match order["ordStatus"]:
                case "New" if self.get(order) is None:
                    self._insert([order])
                case "New" | "PartiallyFilled":
                    self._update([order])
                case "Untriggered":
                    self._insert([order])
                case status if status in _FINAL and not _is_replaced(order):
                    self._delete([order])


class MarginOrders(Orders):
    """Open orders of margin trading on spot.

    https://phemex-docs.github.io/#subscribe-margin-account-order-mao
    """

    _CHANNELS: ClassVar = {"orders_mao": "margin"}
    _SPOT = "margin"


class Positions(_Family):
    """Positions; a closed one stays, with ``size`` 0, until a snapshot does not tell it.

    In hedged mode a symbol has two rows, ``posSide`` Long and Short; USD-M in one-way mode has one, Merged.

    https://phemex-docs.github.io/#subscribe-account-order-position-aop
    https://phemex-docs.github.io/#query-account-positions
    """

    _KEYS = ("accountID", "symbol", "posSide")
    _CHANNELS: ClassVar = {"positions": "COIN-M", "positions_p": "USD-M"}

    def _init(self) -> None:
        super()._init()
        self._key = _position_key  # COIN-M has no posSide

    def get(self, item: Mapping[str, Any]) -> Item | None:
        """Return the position of an account and a symbol; in hedged mode the last row, if no ``posSide`` is given."""
        row = super().get(item)
        if row is None and "posSide" not in item and "accountID" in item and "symbol" in item:
            row = next(reversed(self.find({name: item[name] for name in ("accountID", "symbol")})), None)
        return row

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for name, family in self._CHANNELS.items():
            if name in msg:
                positions = _rows(msg[name], ("accountID", "symbol"))
                self._told(family, positions)
                if msg.get("type") == "snapshot":
                    self._drop(family, {_position_key(row) for row in positions}, accountID=_accounts(msg))
                self._carry_on(positions)

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        family, query = POSITIONS[url.path], url.query
        positions = _answered(data["data"]["positions"], ("accountID", "symbol"))
        self._told(family, positions)
        wanted = {name: {query[name]} if name in query else None for name in ("currency", "symbol")}
        self._drop(family, {_position_key(row) for row in positions}, **wanted)
        self._carry_on(positions)

    def _carry_on(self, positions: Sequence[Item]) -> None:
        """Take positions; those of the other mode end, as an account changes it without any position."""
        for row in positions:
            if side := row.get("posSide"):
                others = ("Long", "Short") if side == "Merged" else ("Merged",)
                self._remove((row["accountID"], row["symbol"], other) for other in others)
        self._insert(positions)


class Accounts(DataStore):
    """The balance of each account and currency.

    https://phemex-docs.github.io/#subscribe-account-order-position-aop
    """

    _KEYS = ("accountID", "currency")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for name in ("accounts", "accounts_p"):
            if name in msg:
                self._update(_rows(msg[name]))

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        account = dict(data["data"]["account"])
        if "accountId" in account:  # as answers spell it
            account = {"accountID": account.pop("accountId"), **account}
        self._update([account])


class Wallets(DataStore):
    """What there is of each currency, or unit of risk; a snapshot replaces all of it."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = _rows(msg[self.name], self._keys)
        if msg.get("type") == "snapshot":
            names = {tuple(row[field] for field in self._keys) for row in told}
            self._delete([row for row in self if tuple(row[field] for field in self._keys) not in names])
        self._update(told)


class Fills(DataStore):
    """Fills of spot orders.

    https://phemex-docs.github.io/#subscribe-wallet-order-messages
    """

    _KEYS = ("execID",)
    _FIELD = "orders"

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(_rows(msg[self._FIELD].get("fills"), self._KEYS))


class MarginFills(Fills):
    """Fills of margin orders.

    https://phemex-docs.github.io/#subscribe-margin-account-order-mao
    """

    _FIELD = "orders_mao"


def _rows(told: Any, needed: Sequence[str] = ()) -> list[Item]:
    """Return a list of rows; Phemex sends null for an empty one.

    Raises:
        TypeError: Something is not a row, or has neither text nor number in a field that is needed.
    """
    return [] if told is None else rows_of(told, needed)


def _answered(told: Any, needed: Sequence[str]) -> list[Item]:
    """Return the rows of an answer in the words of the stream, which knows no ``orderQtyRq`` and no null."""
    return [
        {_WORDS.get(name, name.removesuffix("Rq")): value for name, value in row.items() if value is not None}
        for row in _rows(told, needed)
    ]


def _position_key(row: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return row["accountID"], row["symbol"], row.get("posSide")


def _accounts(msg: Mapping[str, Any]) -> set[Any] | None:
    """Return the accounts that a snapshot is about, ``None`` = all."""
    told = [row.get("accountID") for name in ("accounts", "accounts_p") for row in _rows(msg.get(name))]
    return {*told} if told and None not in told else None


def _is_replaced(order: Item) -> bool:
    """Tell an order that goes on with other terms from one that was cancelled."""
    return order["ordStatus"] == "Canceled" and order.get("action") == "Replace"


def _latest(orders: Iterable[Item]) -> list[Item]:
    """Return one row for each order: its end if that is told, else what happened to it last."""
    latest: dict[Any, Item] = {}
    for order in orders:
        known = latest.get(order["orderID"])
        if known is None or _rank(order) >= _rank(known):
            latest[order["orderID"]] = order
    return [*latest.values()]


def _rank(order: Item) -> tuple[bool, int]:
    ended = order["ordStatus"] in _FINAL and not _is_replaced(order)
    return ended, int(order.get("transactTimeNs") or 0)
