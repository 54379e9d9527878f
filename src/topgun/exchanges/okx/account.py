"""What belongs to an account of OKX: orders, positions, balances."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from ...store import DataStore
from .._recent import Recent
from .._rows import rows_of
from .shapes import Pages, covers, keyed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item

__all__ = ["Account", "AlgoOrders", "BalanceAndPosition", "Orders", "Positions", "SlicedOrders"]

_PAGE = 100  # rows of an answer that does not say how many it wants


class Orders(DataStore):
    """Open orders: those that are filled or cancelled go.

    https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel
    https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-list
    """

    _KEYS = ("ordId",)
    _MAXLEN = None
    _OPEN: ClassVar = frozenset({"live", "partially_filled"})
    _FINAL: ClassVar = frozenset({"filled", "canceled", "mmp_canceled", "effective"})
    _KINDS: ClassVar[Collection[str] | None] = None  # the types of orders that are here; ``None`` = all
    _PARTIAL: ClassVar = ("state", "after", "before", "algoId", "algoClOrdId")  # what asks for a part of the orders

    def _init(self) -> None:
        self._over = Recent()  # lately; an answer that was slow to learn of it must not bring them back

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        for order in rows_of(msg["data"], (*self._KEYS, "state")):
            ident, state = order[self._KEYS[0]], order["state"]
            if state not in self._OPEN:
                self._delete([order])
                if state in self._FINAL:
                    self._over.note(ident)
            elif not self._outdated(order):
                self._update([order])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> bool:
        key, query = self._KEYS[0], url.query
        rows = {row[key]: row for row in rows_of(data["data"], self._KEYS)}
        if not any(query.get(name) for name in self._PARTIAL):
            # Newest first, and the ids rise: beyond a full page there may be older ones.
            oldest = min(map(int, rows)) if len(rows) >= int(query.get("limit") or _PAGE) else 0
            known = [row for row in self.find() if row[key] not in rows and covers(query, row)]
            self._delete([row for row in known if not oldest or int(row[key]) > oldest])
        ours = (row for row in rows.values() if self._KINDS is None or row.get("ordType") in self._KINDS)
        self._update([row for row in ours if not self._outdated(row)])
        return self._KINDS is None or not {*self._KINDS}.isdisjoint(query.get("ordType", "").split(","))

    def _outdated(self, row: Item) -> bool:
        """Tell whether more is known of an order than `row` knows: its end, or what was later."""
        known = self.get(row)
        return row[self._KEYS[0]] in self._over or (known is not None and 0 < _changed(row) < _changed(known))


class AlgoOrders(Orders):
    """Orders that wait for a price; one that has failed stays.

    https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-ws-algo-orders-channel
    https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-get-algo-order-list
    """

    _KEYS = ("algoId",)
    _OPEN = frozenset({"live", "order_failed"})
    _KINDS = ("conditional", "oco", "trigger", "chase")


class SlicedOrders(Orders):
    """Iceberg, TWAP and trailing orders.

    https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-ws-advance-algo-orders-channel
    https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-get-algo-order-list
    """

    _KEYS = ("algoId",)
    _KINDS = ("iceberg", "twap", "move_order_stop")


class Holdings(DataStore):
    """What is held of something; the row stays when nothing is held any more.

    Attributes:
        whole: The table that this one is a part of, if it is; they share their state.
    """

    _MAXLEN = None
    _AMOUNT: ClassVar[str]

    whole: DataStore | None = None

    def state(self, group: Mapping[str, Any] | None = None) -> str:
        """Return ``"live"`` if the rows are known to be right, ``"stale"`` if they are not."""
        return super().state(group) if self.whole is None else self.whole.state()

    def wake(self) -> None:
        """Wake those who wait."""
        self._set()

    def read(self, data: Any) -> list[Item]:
        """Return the rows of a message.

        Raises:
            TypeError: Something in it is not a row.
        """
        return keyed(data, self._KEYS)

    def merge(self, rows: list[Item]) -> list[Item]:
        """Merge rows, and return them; the row that first names something is the table's own, which goes on."""
        new = [self.get(row) is None for row in rows]
        self._update(rows)
        return [(self.get(row) or row) if first else row for row, first in zip(rows, new, strict=True)]

    def by_key(self, rows: Iterable[Item]) -> dict[tuple[Any, ...], Item]:
        """Return rows by their keys."""
        return {tuple(row[field] for field in self._KEYS): row for row in rows}

    def close(self, named: Collection[Any], among: Iterable[Item]) -> None:
        """Of the rows `among` which a snapshot has `named` all that is held, set the others to "0"."""
        for key, row in self.by_key(among).items():
            if key not in named and not _is_zero(row.get(self._AMOUNT)):
                self._update([{**dict(zip(self._KEYS, key, strict=True)), self._AMOUNT: "0"}])


class Positions(Holdings):
    """Positions; a closed one stays, with ``pos`` "0".

    The first snapshot of a connection names those that are open; the others of that subscription were closed meanwhile.

    https://www.okx.com/docs-v5/en/#trading-account-websocket-positions-channel
    """

    _KEYS = ("instId", "mgnMode", "posSide")
    _AMOUNT = "pos"

    def _init(self) -> None:
        # For each socket, by subscription: its first snapshot while it comes, then None.
        self._first: WeakKeyDictionary[Any, dict[str, Pages | None]] = WeakKeyDictionary()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows, arg = self.read(msg["data"]), msg["arg"]
        self._update(rows)
        if ws is None:
            return
        first = self._first.setdefault(ws, {})
        pages = first.setdefault(str(arg), Pages())
        try:
            if pages is not None and pages.take(msg, self.by_key(rows)):
                first[str(arg)] = None
                self.close(pages.rows, [row for row in self.find() if covers(arg, row)])
        except ValueError:  # a page is missing: nobody knows what it named
            first[str(arg)] = None


class Coins(Holdings):
    """The balance of each coin."""

    _KEYS = ("ccy",)
    _AMOUNT = "cashBal"


class Account(DataStore):
    """The account as the last message tells it. A snapshot in pages counts once its last page is there.

    https://www.okx.com/docs-v5/en/#trading-account-websocket-account-channel
    """

    def _init(self) -> None:
        self._pages = Pages()
        self._begins = False  # the pages that come are the first thing that is known

    def state(self, group: Mapping[str, Any] | None = None) -> str:
        """Return ``"live"`` if the row is known to be right, ``"stale"`` if it is not, or not yet whole."""
        return "stale" if self._pages.number and self._begins else super().state(group)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = rows_of(msg["data"])
        coins = [coin for row in rows for coin in rows_of(row.get("details") or [], ("ccy",))]
        self._begins = self._begins if self._pages.number else self._state == "stale"
        whole = self._pages.take(msg, {coin["ccy"]: coin for coin in coins})
        if whole and msg["curPage"] > 1:
            rows = [{**row, "details": [*self._pages.rows.values()]} for row in rows]
        if whole or "curPage" not in msg:
            self._clear()
            self._insert(rows)


class BalanceAndPosition(DataStore):
    """Every message; what is known last of each coin and each position is in two tables of its own.

    Attributes:
        balance: The balance of each coin.
        position: Each position; a closed one stays, with ``pos`` "0".

    https://www.okx.com/docs-v5/en/#trading-account-websocket-balance-and-position-channel
    """

    def _init(self) -> None:
        self.balance, self.position = Coins(f"{self.name}.balance"), Positions(f"{self.name}.position")
        self._parts: dict[str, Holdings] = {"balData": self.balance, "posData": self.position}
        for part in self._parts.values():
            part.whole = self

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        items = rows_of(msg["data"])
        read = [{field: part.read(item.get(field) or []) for field, part in self._parts.items()} for item in items]
        for item, told in zip(items, read, strict=True):
            for field, part in self._parts.items():
                rows, told[field] = told[field], part.merge(told[field])
                if item.get("eventType") == "snapshot":  # it names whatever is not zero
                    part.close(part.by_key(rows), part.find())
            self._insert([{**item, **told}])

    def _set(self) -> None:
        super()._set()
        for part in self._parts.values():
            part.wake()


def _changed(order: Item) -> int:
    """Return when an order changed last, in ms; 0 if it does not say so."""
    time = str(order.get("uTime"))
    return int(time) if time.isdecimal() else 0


def _is_zero(amount: Any) -> bool:
    try:
        return Decimal(amount) == 0
    except (ArithmeticError, TypeError, ValueError):
        return False
