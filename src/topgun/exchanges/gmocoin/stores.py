"""The tables of GMO Coin; the order book is in book.py, what an account has open in account.py."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStore, DataStoreCollection, Topic
from .._rows import row_of
from .account import Orders, Positions, PositionSummary, listed
from .book import OrderBooks
from .stream import AUTH, accepted, extend, logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarl import URL

    from ...exchange import Requester

__all__ = ["GMOCoinDataStore"]

_DOCS = "https://api.coin.z.com/docs/"
_EXTEND = 1800.0  # s between two extensions of a token that came from `initialize`


class Ticker(DataStore):
    """The latest ticker of each symbol.

    https://api.coin.z.com/docs/#ws-ticker
    """

    _KEYS = ("symbol",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([row_of(msg, self._KEYS)])


class Trades(DataStore):
    """Trades of the market, in the order of arrival; equal ones are different trades.

    https://api.coin.z.com/docs/#ws-trades
    """

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([msg])


class Executions(DataStore):
    """The account's executions.

    https://api.coin.z.com/docs/#ws-execution-events
    """

    _KEYS = ("executionId",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([row_of(msg, self._KEYS)])

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self._insert(listed(data, self._KEYS))


class Token(DataStore):
    """Not a table of rows: the token that an answer of ``ws-auth`` brought. Deprecated.

    https://api.coin.z.com/docs/#ws-auth-post
    """

    token: str | None = None

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self.token = token = data["data"]
        if requester is not None:
            requester.spawn(_keep(requester, str(url), token))
        text = "initialize() with ws-auth is deprecated: use topgun.helpers.GMOCoinHelper"
        warnings.warn(text, DeprecationWarning, stacklevel=2)


async def _keep(requester: Requester, auth: str, token: str) -> None:
    """Extend a token again and again as long as the client is open."""
    while not requester.closed:
        await requester.clock.sleep(_EXTEND)
        try:
            await extend(requester, auth, token)
        except Exception as error:  # noqa: BLE001  (whatever it is: there is time to try again)
            logger.warning("the token of the store was not extended: %s", type(error).__name__)


class GMOCoinDataStore(DataStoreCollection):
    """What GMO Coin sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    It serves crypto assets and FX alike; use one store for each. FX has neither order books nor trades.

    https://api.coin.z.com/docs/#ws-ticker
    """

    ticker = Topic(Ticker, "ticker", f"{_DOCS}#ws-ticker")
    orderbooks = Topic(OrderBooks, "orderbooks", f"{_DOCS}#ws-orderbooks")
    trades = Topic(Trades, "trades", f"{_DOCS}#ws-trades")
    orders = Topic(Orders, "orders", f"{_DOCS}#ws-order-events")
    positions = Topic(Positions, "positions", f"{_DOCS}#ws-position-events")
    executions = Topic(Executions, "executions", f"{_DOCS}#ws-execution-events")
    position_summary = Topic(PositionSummary, "position_summary", f"{_DOCS}#ws-position-summary-events")

    _RESPONSES: ClassVar = {
        "/private/v1/latestExecutions": "executions",
        "/private/v1/activeOrders": "orders",
        "/private/v1/openPositions": "positions",
        "/private/v1/positionSummary": "position_summary",
        AUTH: "token",
    }
    _TABLES: ClassVar = {
        "ticker": ("ticker",),
        "orderbooks": ("orderbooks",),
        "trades": ("trades",),
        "orderEvents": ("orders",),
        "executionEvents": ("orders", "executions"),
        "positionEvents": ("positions",),
        "positionSummaryEvents": ("position_summary",),
    }

    def _init(self) -> None:
        self._create("token", datastore_class=Token)

    @property
    def token(self) -> str | None:
        """The token that `initialize` got from ``ws-auth``, ``None`` without one. Deprecated."""
        return self._get("token", Token).token

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict):
            if "error" in msg:
                logger.warning("GMO Coin refuses: %r", msg["error"])
            super()._onmessage(msg, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        match msg:
            case {"channel": channel}:
                return self._TABLES.get(channel, ())
            case {"symbol": _, "ask": _, "bid": _}:  # a ticker of FX does not say so
                return ("ticker",)
        return ()

    def _failure(self, url: URL, data: Any) -> bool:
        return not accepted(data)
