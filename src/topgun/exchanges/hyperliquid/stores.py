"""The collection of Hyperliquid: which message and which answer goes into which table."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from ...store import DataStoreCollection, Topic
from . import account as a
from . import tables as t
from .answers import TABLES, answer
from .book import L2Book, logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from yarl import URL

__all__ = ["HyperliquidDataStore"]

_DOCS = "https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions"
_whose: ContextVar[tuple[str, str]] = ContextVar("topgun_hyperliquid_whose", default=("", ""))


class HyperliquidDataStore(DataStoreCollection):
    """What Hyperliquid sends, as tables: give its `onmessage` to ``ws_connect(hdlr_json=...)``.

    One store for one account: ``orderUpdates`` and ``userEvents`` do not say whose they are.

    Args:
        heal: Whether books that are wrong ask for a new snapshot; with ``False`` they only say so.
        unique: Leave out of `user_fills` and the like what a snapshot repeats, as it does after every reconnect.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions
    """

    all_mids = Topic(t.AllMids, "allMids", _DOCS)
    notification = Topic(t.Notification, "notification", _DOCS)
    web_data2 = Topic(a.WebData2, "webData2", _DOCS)
    candle = Topic(t.Candle, "candle", _DOCS)
    l2_book = Topic(L2Book, "l2Book", _DOCS)
    trades = Topic(t.Events, "trades", _DOCS)
    order_updates = Topic(a.OrderUpdates, "orderUpdates", _DOCS)
    user_events = Topic(t.UserEvents, "userEvents", _DOCS)
    user_fills = Topic(t.UserFills, "userFills", _DOCS)
    user_fundings = Topic(t.UserFundings, "userFundings", _DOCS)
    user_non_funding_ledger_updates = Topic(t.UserNonFundingLedgerUpdates, "userNonFundingLedgerUpdates", _DOCS)
    active_asset_ctx = Topic(t.ActiveAssetCtx, "activeAssetCtx", _DOCS)
    active_asset_data = Topic(a.ActiveAssetData, "activeAssetData", _DOCS)
    user_twap_slice_fills = Topic(t.UserTwapSliceFills, "userTwapSliceFills", _DOCS)
    user_twap_history = Topic(t.UserTwapHistory, "userTwapHistory", _DOCS)
    bbo = Topic(t.Bbo, "bbo", _DOCS)
    clearinghouse_state = Topic(a.ClearinghouseState, "clearinghouseState", _DOCS)
    positions = Topic(a.Positions, "positions", _DOCS)
    open_orders = Topic(a.OpenOrders, "openOrders", _DOCS)
    spot_state = Topic(a.SpotState, "spotState", _DOCS)
    web_data3 = Topic(a.WebData3, "webData3", _DOCS)
    twap_states = Topic(a.TwapStates, "twapStates", _DOCS)
    all_dexs_asset_ctxs = Topic(t.AllDexsAssetCtxs, "allDexsAssetCtxs", _DOCS)
    outcome_meta_updates = Topic(t.OutcomeMetaUpdates, "outcomeMetaUpdates", _DOCS)
    fast_asset_ctxs = Topic(t.FastAssetCtxs, "fastAssetCtxs", _DOCS)

    _RESPONSES: ClassVar = {"/info": "orderUpdates"}  # the one that no stream tells from its beginning
    _CHANNELS: ClassVar[Mapping[str, tuple[str, ...]]] = {  # those that are not simply called like their table
        "positions": (),
        "userEvents": (),
        "user": ("userEvents",),
        "activeSpotAssetCtx": ("activeAssetCtx",),
        "webData2": ("webData2", "positions"),
        "clearinghouseState": ("clearinghouseState", "positions"),
        "allDexsClearinghouseState": ("clearinghouseState", "positions"),
        "subscriptionResponse": ("l2Book",),
    }

    def __init__(self, *, heal: bool = True, unique: bool = False) -> None:
        super().__init__(heal=heal)
        for table in self._stores.values():
            if isinstance(table, t.Listed):
                table.unique = unique

    async def initialize(
        self, *requests: Awaitable[Any] | Callable[[], Awaitable[Any]], user: str = "", dex: str = ""
    ) -> None:
        """Fill tables from answers of ``/info``: ``await store.initialize(client.post("/info", data={...}))``.

        Args:
            *requests: Requests, or functions that make them; which tables an answer fills depends on the ``type`` of
                the question.
            user: Whose answers they are, where the question is not known: it was not sent by a client of topgun.
            dex: The same.

        Raises:
            InitializeError: A response reports a failure, or is not JSON.
            aiohttp.ClientError: A request has no response.
            TimeoutError: Likewise.
        """
        token = _whose.set((user, dex))
        try:
            await super().initialize(*requests)
        finally:
            _whose.reset(token)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if not isinstance(msg, dict):
            return
        channel = msg.get("channel")
        if channel == "error" or (channel == "post" and _refused(msg)):
            logger.warning("Hyperliquid refuses: %r", _masked(msg))
        elif isinstance(channel, str):
            super()._onmessage(msg, ws)

    def _topic(self, msg: Any) -> Sequence[str]:
        channel: str = msg["channel"]
        return self._CHANNELS.get(channel, (channel,))

    def _answered(self, url: URL, data: Any, question: Any) -> tuple[Sequence[str], Any]:
        found = answer(data, question, *_whose.get()) if url.path == "/info" else None
        if found is None:
            logger.warning("%s: an answer that fills no table: %.200r", url.path, data)
            return (), data
        return TABLES[found.kind], found

    def _failure(self, url: URL, data: Any) -> bool:
        return data is None or (isinstance(data, dict) and data.get("status") == "err")


def _masked(msg: Any) -> Any:
    """Return a message that may quote what was sent, without the signature in it: it may still be good for an order."""
    data = msg.get("data")
    if not isinstance(data, str) or "signature" not in data:
        return msg
    return {**msg, "data": f"{data.partition('signature')[0]}signature ..."}


def _refused(msg: Any) -> bool:
    """Tell whether a ``post`` was refused, or one of the orders in it."""
    match msg:
        case {"data": {"response": {"type": "error"}}} | {"data": {"response": {"payload": {"status": "err"}}}}:
            return True
        case {"data": {"response": {"payload": {"response": {"data": {"statuses": list(statuses)}}}}}}:
            return any(isinstance(status, dict) and "error" in status for status in statuses)
    return False
