"""How a bot follows the books of each venue, for `topgun.testing.truth`. One entry for each kind of feed."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

import topgun
from tests.testing.venues.kucoin_bot import signed
from topgun.exchanges import REGISTRY
from topgun.testing.truth import Feed
from topgun.testing.venues import VENUES

if TYPE_CHECKING:
    from topgun.testing.link import Link
    from topgun.testing.venue import Reply, Request, Venue

__all__ = ["FEEDS", "kucoin"]


def _venue(name: str) -> type[Venue]:
    venue: type[Venue] = import_module(VENUES[name], "topgun.testing").VENUE
    return venue


def _feed(venue: str, host: str, path: str, **kwargs: Any) -> Feed:
    return Feed(venue=_venue(venue), url=f"wss://{host}{path}", host=REGISTRY[host], **kwargs)


def _bitget(kind: str, *symbols: str) -> Feed:
    prefix = "spot " if kind == "SPOT" else ""
    args = [{"instType": kind, "channel": "books", "instId": symbol} for symbol in symbols]
    return _feed(
        "bitget",
        "ws.bitget.com",
        "/v2/ws/public",
        collection=topgun.BitgetV2DataStore,
        messages=[{"op": "subscribe", "args": args}],
        book="book",
        price="price",
        size="amount",
        markets={f"{prefix}{symbol}": {"instType": kind, "instId": symbol} for symbol in symbols},
    )


def kucoin(topic: str, book: str, *symbols: str, limit: int | None = None) -> Feed:
    kind = "futures" if topic.startswith("/contract") else "spot"

    class Fake(_venue("kucoin")):  # type: ignore[misc]  # a class that is loaded by name
        """Gives its only bot a token, and signs for it."""

        def greet(self, link: Link) -> None:
            link.query["token"] = self.tokens.create(kind, None)
            super().greet(link)

        def answer(self, request: Request) -> Reply:
            headers = signed(self.apis["kucoin"], request.method, request.target, "", self.now().ms)
            reply: Reply = super().answer(replace(request, headers=CIMultiDictProxy(CIMultiDict(headers))))
            return reply

    feed = _feed(
        "kucoin",
        f"ws-api-{kind}.kucoin.com",
        "/",
        collection=topgun.KuCoinDataStore,
        messages=[{"id": 1, "type": "subscribe", "topic": f"{topic}:{','.join(symbols)}"}],
        book=book,
        price="price",
        size="size",
        markets={name: {"symbol": name} for name in symbols},
        limit=limit,
    )
    return replace(feed, venue=Fake)


FEEDS: dict[str, Feed] = {
    **{
        name: _feed(
            "binance",
            host,
            path,
            collection=collection,
            messages=[{"method": "SUBSCRIBE", "params": streams, "id": 1}],
            book="orderbook",
            price="p",
            size="q",
            markets=markets,
        )
        for name, host, path, collection, streams, markets in (
            (
                "binance spot",
                "stream.binance.com",
                "/stream",
                topgun.BinanceSpotDataStore,
                ["btcusdt@depth"],
                {"spot BTCUSDT": {"s": "BTCUSDT"}},
            ),
            (
                "binance futures",
                "fstream.binance.com",
                "/public/ws",
                topgun.BinanceUSDSMDataStore,
                ["btcusdt@depth", "ethusdt@depth@100ms"],
                {name: {"s": name} for name in ("BTCUSDT", "ETHUSDT")},
            ),
        )
    },
    "bitget": _bitget("USDT-FUTURES", "BTCUSDT", "ETHUSDT"),
    "bitget checksum": _bitget("SPOT", "BTCUSDT"),
    "bittrade": _feed(
        "bittrade",
        "api-cloud.bittrade.co.jp",
        "/ws",
        collection=topgun.BitTradeDataStore,
        messages=[{word: f"market.{name}.mbp.150"} for name in ("btcjpy", "ethjpy") for word in ("sub", "req")],
        book="mbp",
        price="price",
        size="size",
        markets={name: {"symbol": name} for name in ("btcjpy", "ethjpy")},
        limit=150,
    ),
    "bybit": _feed(
        "bybit",
        "stream.bybit.com",
        "/v5/public/linear",
        collection=topgun.BybitDataStore,
        messages=[{"op": "subscribe", "args": ["orderbook.50.BTCUSDT", "orderbook.50.ETHUSDT"]}],
        book="orderbook",
        price="p",
        size="v",
        markets={name: {"s": name} for name in ("BTCUSDT", "ETHUSDT")},
        limit=50,
    ),
    "kucoin": kucoin("/market/level2", "orderbook", "BTC-USDT", "ETH-USDT"),
    **{
        name: _feed(
            "mexc",
            host,
            path,
            collection=topgun.MEXCDataStore,
            messages=messages,
            book="orderbook",
            price="price",
            size="quantity",
            markets={market: {"symbol": market} for market in markets},
        )
        for name, host, path, messages, markets in (
            (
                "mexc spot",
                "wbs-api.mexc.com",
                "/ws",
                [{"method": "SUBSCRIPTION", "params": ["spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"]}],
                ["BTCUSDT"],
            ),
            (
                "mexc contracts",
                "contract.mexc.com",
                "/edge",
                [{"method": "sub.depth", "param": {"symbol": name}} for name in ("BTC_USDT", "ETH_USDT")],
                ["BTC_USDT", "ETH_USDT"],
            ),
        )
    },
    "okj v3": _feed(
        "okj",
        "connect.okj.com",
        "/ws/v3",
        collection=topgun.OKJDataStore,
        messages=[{"op": "subscribe", "args": ["spot/depth:BTC-JPY", "spot/depth:XRP-JPY"]}],
        book="v3_depth",
        price="price",
        size="size",
        markets={name: {"instrument_id": name} for name in ("BTC-JPY", "XRP-JPY")},
        limit=400,
    ),
    "okj v5": _feed(
        "okj",
        "ws.okj.com",
        "/ws/v5/public",
        collection=topgun.OKJDataStore,
        messages=[
            {"op": "subscribe", "args": [{"channel": "books", "instId": name} for name in ("BTC-JPY", "XRP-JPY")]}
        ],
        book="books",
        price="px",
        size="sz",
        markets={name: {"instId": name} for name in ("BTC-JPY", "XRP-JPY")},
        limit=400,
    ),
    "okx": _feed(
        "okx",
        "ws.okx.com",
        "/ws/v5/public",
        collection=topgun.OKXDataStore,
        messages=[
            {
                "op": "subscribe",
                "args": [{"channel": "books", "instId": name} for name in ("BTC-USDT", "BTC-USDT-SWAP")],
            }
        ],
        book="books",
        price="px",
        size="sz",
        markets={name: {"instId": name} for name in ("BTC-USDT", "BTC-USDT-SWAP")},
        limit=400,
    ),
}
