"""How the fake OKX writes things: prices, books, trades, tickers, candles, orders, positions; numbers are texts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO
from .account import LEVERAGE, Account, Product, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Fill, Level, Order, Trade

__all__ = [
    "account_row", "book", "candle", "coin_rows", "fixed", "instrument", "number", "order_id", "order_row",
    "position_row", "ticker", "trade",
]  # fmt: skip

BARS = {"1m": 60_000, "5m": 300_000, "1H": 3_600_000}
UNUSED = (
    "algoClOrdId", "algoId", "amendResult", "amendSource", "ccy", "code", "execType", "lever", "msg", "notionalUsd",
    "fillFeeCcy", "pnl", "reqId", "tag",
)  # fmt: skip


def number(value: Decimal) -> str:
    """Write a number, with up to eight decimals and without zeros at its end."""
    return f"{value.quantize(Decimal('1e-8')).normalize():f}"


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price with the decimals of its step."""
    return f"{value.quantize(step):f}"


def order_id(order: Order) -> str:
    """Return the id of an order; ids rise."""
    return str(452_197_707_845_865_472 + order.number)


def book(market: Market, asks: Iterable[Level], bids: Iterable[Level], *, full: bool = False) -> dict[str, Any]:
    """Write a book, or a change of one; `full` as ``/market/books-full`` does, in three values a level."""
    middle = [] if full else ["0"]
    sides = [
        [[fixed(price, market.tick), number(size), *middle, "1" if size else "0"] for price, size in side]
        for side in (asks, bids)
    ]
    return {"asks": sides[0], "bids": sides[1]}


def trade(market: Market, each: Trade) -> dict[str, Any]:
    """Write a public trade.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel
    """
    return {
        "instId": market.name, "tradeId": str(each.number), "px": fixed(each.price, market.tick),
        "sz": number(each.size), "side": each.side, "ts": str(each.time.ms), "count": "1", "source": "0",
        "seqId": each.number,
    }  # fmt: skip


def ticker(market: Market, product: Product, now: int) -> dict[str, str]:
    """Write a ticker; the day of this exchange began when it was opened.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-tickers-channel
    """
    prices = [each.price for each in market.trades]
    told = {"last": market.last, "open24h": prices[0], "high24h": max(prices), "low24h": min(prices)}
    (bid, bid_size), (ask, ask_size) = (next(iter(market.levels(side, 1)), (ZERO, ZERO)) for side in ("buy", "sell"))
    first = fixed(prices[0], market.tick)
    return {
        "instType": product.kind, "instId": product.inst, "lastSz": number(market.trades[-1].size),
        **{name: fixed(price, market.tick) for name, price in told.items()},
        "askPx": fixed(ask, market.tick), "askSz": number(ask_size), "bidPx": fixed(bid, market.tick),
        "bidSz": number(bid_size), "volCcy24h": number(market.volume * market.last), "vol24h": number(market.volume),
        "sodUtc0": first, "sodUtc8": first, "ts": str(now),
    }  # fmt: skip


def candle(market: Market, bar: str, now: int) -> list[str]:
    """Write the running candle, from the trades that the market remembers.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-candlesticks-channel
    """
    start = now - now % BARS[bar]
    inside = [each for each in market.trades if each.time.ms >= start]
    prices = [each.price for each in inside] or [market.last]
    sizes = sum((each.size for each in inside), ZERO)
    value = sum((each.size * each.price for each in inside), ZERO)
    ends = [fixed(price, market.tick) for price in (prices[0], max(prices), min(prices), prices[-1])]
    return [str(start), *ends, number(sizes), number(value), number(value), "0"]


def instrument(market: Market, product: Product) -> dict[str, Any]:
    """Write what is traded.

    https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
    """
    swap = product.kind == "SWAP"
    return {
        "instType": product.kind, "instId": product.inst, "baseCcy": "" if swap else product.base,
        "quoteCcy": "" if swap else product.quote, "settleCcy": product.quote if swap else "",
        "instFamily": f"{product.base}-{product.quote}" if swap else "", "ctVal": product.contract,
        "ctValCcy": product.base if swap else "", "ctType": "linear" if swap else "",
        "tickSz": number(market.tick), "lotSz": number(market.lot), "minSz": number(market.minimum), "state": "live",
    }  # fmt: skip


def order_row(
    market: Market, order: Order, left: Decimal, fill: Fill | None = None, *, over: bool = False
) -> dict[str, Any]:
    """Write an order.

    Args:
        market: Where it is.
        order: It.
        left: What was still to be filled at that moment.
        fill: What has just been filled of it.
        over: It has ended without being filled.

    https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel
    """
    ticket: Ticket = order.tag
    filled, size = order.size - left, fill.trade.size if fill else ZERO
    state = "canceled" if over else "live" if not filled else "partially_filled" if left else "filled"
    reasons = {"by user": "1", "would take": "31"}
    return {
        **dict.fromkeys(UNUSED, ""), "instType": ticket.product.kind, "instId": ticket.product.inst,
        "ordId": order_id(order), "clOrdId": ticket.link, "ordType": ticket.kind, "tdMode": ticket.mode,
        "side": order.side, "posSide": "net" if ticket.product.kind == "SWAP" else "",
        "px": "" if order.price is None else fixed(order.price, market.tick), "sz": number(order.size),
        "accFillSz": number(filled), "avgPx": number(order.average) if filled else "0",
        "fillPx": fixed(fill.trade.price, market.tick) if fill else "", "fillSz": number(size),
        "tradeId": str(fill.trade.number) if fill else "", "fillTime": str(fill.trade.time.ms) if fill else "",
        "state": state, "cancelSource": reasons.get(ticket.reason, "14") if over else "", "category": "normal",
        "reduceOnly": "true" if ticket.reduce_only else "false", "fee": "0", "fillFee": "0",
        "feeCcy": ticket.product.quote,
        "cTime": str(order.time.ms), "uTime": str((order.updated or order.time).ms),
    }  # fmt: skip


def position_row(market: Market, product: Product, account: str, now: int) -> dict[str, Any]:
    """Write what an account holds of a perpetual, in net mode.

    https://www.okx.com/docs-v5/en/#trading-account-websocket-positions-channel
    """
    held = market.position(account)
    gain = held.size * product.worth * (market.last - held.entry)
    margin = abs(held.size) * product.worth * held.entry / LEVERAGE
    return {
        "instType": product.kind, "instId": product.inst, "mgnMode": "cross", "posSide": "net",
        "posId": f"fake-{product.inst}", "pos": number(held.size), "availPos": "", "posCcy": "",
        "avgPx": number(held.entry) if held.size else "", "markPx": fixed(market.last, market.tick),
        "last": fixed(market.last, market.tick), "lever": str(LEVERAGE), "ccy": product.quote, "liqPx": "",
        "margin": "", "imr": number(margin), "upl": number(gain), "realizedPnl": number(held.realised * product.worth),
        "adl": "1", "tradeId": "", "cTime": str(now), "uTime": str(now), "pTime": str(now),
    }  # fmt: skip


def coin_rows(account: Account, free: dict[str, Decimal], now: int) -> list[dict[str, str]]:
    """Write the balance of each coin, of which so much is `free`."""
    return [
        {
            "ccy": name, "cashBal": number(amount), "eq": number(amount),
            "availBal": number(free[name]), "availEq": number(free[name]),
            "frozenBal": number(amount - free[name]), "upl": "0", "uTime": str(now),
        }
        for name, amount in account.coins.items()
    ]  # fmt: skip


def account_row(account: Account, free: dict[str, Decimal], worth: dict[str, Decimal], now: int) -> dict[str, Any]:
    """Write the account.

    Args:
        account: Whose.
        free: What of each coin is.
        worth: What one of each coin is worth in USD.
        now: In ms.

    https://www.okx.com/docs-v5/en/#trading-account-websocket-account-channel
    """
    total = sum((amount * worth[coin] for coin, amount in account.coins.items()), ZERO)
    return {
        "totalEq": number(total), "adjEq": number(total), "availEq": number(total), "isoEq": "0", "ordFroz": "0",
        "imr": "0", "mmr": "0", "mgnRatio": "", "notionalUsd": "0", "upl": "0", "uTime": str(now),
        "details": coin_rows(account, free, now),
    }  # fmt: skip
