"""The tables of Hyperliquid except the book, the market's first; how messages reach them is in stores.py.

Every table also takes answers: an `Answer`, whose body has the shape of the stream unless a table says otherwise.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item
    from .answers import Answer

_ENDED = 10_000  # orders that are remembered after their end

# --- the market ---


class Events(DataStore):
    """What happens, in the order of arrival: trades, notifications."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_of(msg["data"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._insert(rows_of(data.body))


class Notification(Events):
    """Texts for the user."""

    _MAXLEN = 9999


class AllMids(DataStore):
    """The middle price of each coin."""

    _KEYS = ("coin",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._take(msg["data"]["mids"])

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._take(data.body)

    def _take(self, mids: Mapping[str, str]) -> None:
        self._update([{"coin": coin, "px": price} for coin, price in mids.items()])


class Latest(DataStore):
    """What is known last of each key."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update(rows_of(msg["data"], self._KEYS))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._update(rows_of(data.body, self._KEYS))


class Bbo(Latest):
    """The best bid and offer of each coin, in this order; ``null`` where there is none."""

    _KEYS = ("coin",)


class Candle(DataStore):
    """Candles; the last one of each interval is sent again whenever it changes."""

    _KEYS = ("t", "T", "s", "i")
    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(rows_of(msg["data"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._insert(rows_of(data.body))


class ActiveAssetCtx(DataStore):
    """Funding, open interest, prices of each coin, of perpetuals and of spot."""

    _KEYS = ("coin",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([{"coin": msg["data"]["coin"], **msg["data"]["ctx"]}])


class AllDexsAssetCtxs(DataStore):
    """The same of every asset of every dex; ``index`` is its place in the ``universe`` of that dex."""

    _KEYS = ("dex", "index")
    _MAXLEN = None

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        ctxs = msg["data"]["ctxs"]
        self._update([{"dex": dex, "index": index, **ctx} for dex, rows in ctxs for index, ctx in enumerate(rows)])


class FastAssetCtxs(DataStore):
    """Mark prices, sent compressed."""

    _KEYS = ("coin",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = json.loads(zlib.decompress(b64decode(msg["data"], validate=True), -zlib.MAX_WBITS))
        self._update([{"coin": coin, **ctx} for coin, ctx in told.items()])


class OutcomeMetaUpdates(DataStore):
    """What becomes of outcome markets."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([{"type": kind, "data": told} for each in rows_of(msg["data"]) for kind, told in each.items()])


# --- what happened to an account ---


class UserEvents(DataStore):
    """Fills, funding, liquidations, cancels by the exchange; ``type`` says what a row is."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = ((kind, value) for kind, value in msg["data"].items() if isinstance(value, dict | list))
        self._insert([{"type": kind, **row} for kind, value in told for row in rows_of(value)])


class Listed(DataStore):
    """Rows that come in a list with a name; a first message may repeat what is past (``isSnapshot``).

    Attributes:
        unique: Leave out what a snapshot or an answer repeats.
    """

    _MAXLEN = 99999
    _LIST: ClassVar[str]
    _same: Callable[[Item], object]  # of two rows of the same event, this is equal
    unique = False

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        rows = rows_of(msg["data"][self._LIST])
        self._insert(self._new(rows) if msg["data"].get("isSnapshot") else rows)

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._insert(self._new(rows_of(data.body)))

    def _new(self, rows: list[Item]) -> list[Item]:
        if not self.unique:
            return rows
        known = {self._same(row) for row in self}
        return [row for row in rows if self._same(row) not in known]


class UserFills(Listed):
    """Fills."""

    _LIST = "fills"

    def _same(self, row: Item) -> object:
        return row["time"], row["tid"], row["oid"]


class UserFundings(Listed):
    """Funding payments."""

    _LIST = "fundings"

    def _same(self, row: Item) -> object:
        return row["time"], row["coin"]


class UserNonFundingLedgerUpdates(Listed):
    """Deposits, withdrawals, transfers, liquidations."""

    _LIST = "nonFundingLedgerUpdates"

    def _same(self, row: Item) -> object:
        return row["time"], row["hash"]


class UserTwapSliceFills(Listed):
    """Fills of TWAP orders, as they come: ``fill`` and ``twapId``."""

    _LIST = "twapSliceFills"

    def _same(self, row: Item) -> object:
        return row["twapId"], row["fill"]["time"], row["fill"]["tid"]


class UserTwapHistory(Listed):
    """What became of TWAP orders."""

    _LIST = "history"

    def _same(self, row: Item) -> object:
        return row["time"], row["state"]["coin"], row["state"]["timestamp"], row["status"]["status"]


# --- what an account has ---


class OrderUpdates(DataStore):
    """Open orders; one that is filled, cancelled, triggered, or has ended in another way goes.

    What came to its end never comes back, however late an answer or a message arrives; a trigger order may, as the
    order that it has become. An answer of ``openOrders`` or ``frontendOpenOrders`` lists all orders of its dex.
    """

    _KEYS = ("coin", "oid")
    _MAXLEN = None

    def _init(self) -> None:
        self._ended: dict[tuple[Any, Any], None] = {}

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = [
            {**each["order"], **{name: value for name, value in each.items() if name != "order"}}
            for each in rows_of(msg["data"])
            if isinstance(each.get("order"), dict) and "status" in each
        ]
        rows = rows_of(told, self._KEYS)
        self._update(row for row in rows if row["status"] == "open" and self._is_news(row))
        over = [row for row in rows if row["status"] != "open"]
        self._delete(over)
        for row in over:
            if row["status"] != "triggered":
                self._ended[row["coin"], row["oid"]] = None
                if len(self._ended) > _ENDED:
                    del self._ended[next(iter(self._ended))]

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        rows = [
            {**row, "status": "open", "statusTimestamp": row["timestamp"]} for row in rows_of(data.body, self._KEYS)
        ]
        listed = {(row["coin"], row["oid"]) for row in rows}
        known = ((str(row["coin"]), row) for row in self.find())
        of_dex = [row for coin, row in known if (coin.partition(":")[0] if ":" in coin else "") == data.dex]
        self._delete([row for row in of_dex if (row["coin"], row["oid"]) not in listed])
        self._update(row for row in rows if (row["coin"], row["oid"]) not in self._ended)

    def _is_news(self, row: Item) -> bool:
        known = self.get(row)
        if known is not None and row.get("statusTimestamp", 0) < known.get("statusTimestamp", 0):
            return False
        return (row["coin"], row["oid"]) not in self._ended


class ActiveAssetData(Latest):
    """Leverage and how much an account may trade of a coin."""

    _KEYS = ("user", "coin")


class WebData2(Latest):
    """All about an account, as the website once had it."""

    _KEYS = ("user",)


class WebData3(DataStore):
    """About an account, as the website has it; ``user`` is taken out of ``userState``."""

    _KEYS = ("user",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([{"user": msg["data"]["userState"]["user"], **msg["data"]}])


class Whole(DataStore):
    """What an account has; a message tells all of it, so what it does not tell is gone."""

    _MAXLEN = None

    def _cover(self, scope: Mapping[str, str], rows: Sequence[Item]) -> None:
        """Let `rows` be all there are within `scope`."""
        rows = rows_of([{**scope, **row} for row in rows], self._KEYS)
        listed = {tuple(row[name] for name in self._KEYS) for row in rows}
        self._delete([row for row in self.find(scope) if tuple(row[name] for name in self._KEYS) not in listed])
        self._insert([row for row in rows if self.get(row) != row])


class OpenOrders(Whole):
    """Open orders, with their trigger conditions."""

    _KEYS = ("user", "dex", "coin", "oid")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["data"]
        self._cover({"user": data["user"], "dex": data["dex"]}, rows_of(data["orders"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> bool:
        if data.user:
            self._cover({"user": data.user, "dex": data.dex}, rows_of(data.body))
        return bool(data.user)


class ClearinghouseState(DataStore):
    """Margin and account value in each dex."""

    _KEYS = ("user", "dex")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([{"user": user, "dex": dex, **state} for user, dex, state in states(msg)])

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._update([{"user": data.user, "dex": data.dex, **data.body}])


class Positions(Whole):
    """Open positions; ``szi`` below 0 is short. One that is closed goes."""

    _KEYS = ("user", "dex", "coin")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = list(states(msg))
        if msg["channel"] == "allDexsClearinghouseState":
            held = [{"dex": dex, **row} for _, dex, state in told for row in _held(state)]
            self._cover({"user": msg["data"]["user"]}, held)
        else:
            for user, dex, state in told:
                self._cover({"user": user, "dex": dex}, _held(state))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        state = data.body["clearinghouseState"] if data.kind == "webData2" else data.body
        self._cover({"user": data.user or data.body["user"], "dex": data.dex}, _held(state))


class SpotState(Whole):
    """Balances of spot."""

    _KEYS = ("user", "coin")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._cover({"user": msg["data"]["user"]}, rows_of(msg["data"]["spotState"]["balances"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._cover({"user": data.user}, rows_of(data.body["balances"]))


class TwapStates(Whole):
    """TWAP orders under way."""

    _KEYS = ("user", "dex", "twapId")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["data"]
        rows = [{"twapId": number, **state} for number, state in data["states"]]
        self._cover({"user": data["user"], "dex": data["dex"]}, rows)


def states(msg: Any) -> Iterator[tuple[str, str, Item]]:
    """Yield user, dex and clearinghouse state of a message that holds one or several."""
    data = msg["data"]
    if msg["channel"] == "allDexsClearinghouseState":
        yield from ((data["user"], dex, state) for dex, state in data["clearinghouseStates"])
    else:
        yield data["user"], data.get("dex", ""), data["clearinghouseState"]


def rows_of(data: Any, needed: Iterable[str] = ()) -> list[Item]:
    """Return the rows of a message, which holds a list of them or just one.

    Raises:
        TypeError: Something is not a row, or has neither text nor number in a field that is needed.
    """
    rows = data if isinstance(data, list) else [data]
    for row in rows:
        if not isinstance(row, dict):
            raise TypeError(f"not a row: {row!r:.100}")
        for field in needed:
            if not isinstance(row.get(field), str | int):
                raise TypeError(f"a row without {field}")
    return rows


def _held(state: Item) -> list[Item]:
    return [each["position"] for each in rows_of(state["assetPositions"])]
