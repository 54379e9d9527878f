"""The tables of the market, and of what happens to an account; what an account has is in account.py.

They also take answers of ``/info``, where there are any: an `Answer`.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore
from .._rows import one_or_more

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item
    from .answers import Answer

# --- the market ---


class Events(DataStore):
    """What happens, in the order of arrival: trades, notifications."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(one_or_more(msg["data"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._insert(one_or_more(data.body))


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
        self._update(one_or_more(msg["data"], self._KEYS))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._update(one_or_more(data.body, self._KEYS))


class Bbo(Latest):
    """The best bid and offer of each coin, in this order; ``null`` where there is none."""

    _KEYS = ("coin",)


class Candle(DataStore):
    """Candles; the last one of each interval is sent again whenever it changes."""

    _KEYS = ("t", "T", "s", "i")
    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(one_or_more(msg["data"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._insert(one_or_more(data.body))


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
        self._insert([{"type": kind, "data": told} for each in one_or_more(msg["data"]) for kind, told in each.items()])


# --- what happened to an account ---


class UserEvents(DataStore):
    """Fills, funding, liquidations, cancels by the exchange; ``type`` says what a row is."""

    _MAXLEN = 99999

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = ((kind, value) for kind, value in msg["data"].items() if isinstance(value, dict | list))
        self._insert([{"type": kind, **row} for kind, value in told for row in one_or_more(value)])


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
        rows = one_or_more(msg["data"][self._LIST])
        self._insert(self._new(rows) if msg["data"].get("isSnapshot") else rows)

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._insert(self._new(one_or_more(data.body)))

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
