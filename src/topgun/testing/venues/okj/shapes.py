"""How the fake OKJ writes things, in V5 and in V3; every number is a text."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....clock import Instant
    from ...market import Market
    from ...orders import Level, Order, Side, Trade
    from .account import Account

__all__ = ["STATES3", "balance", "balance3", "bare", "candle", "checksum", "deflated", "iso", "levels", "number"]
__all__ += ["order_row", "order_row3", "ticker", "trade"]

STATES3 = {"live": "0", "partially_filled": "1", "filled": "2", "canceled": "-1"}
KINDS3 = {"post_only": "1", "fok": "2", "ioc": "3"}


def bare(text: str) -> str:
    """Return the frame of a message of V5: its JSON, but ``pong`` is none."""
    return "pong" if text == '"pong"' else text


def deflated(text: str) -> bytes:
    """Return the frame of a message of V3: raw deflate, without a header."""
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(bare(text).encode()) + squeeze.flush()


def iso(now: Instant) -> str:
    """Write a time as V3 does."""
    return f"{now.utc():%Y-%m-%dT%H:%M:%S}.{now.ms % 1000:03}Z"


def number(value: Decimal) -> str:
    """Write a number, without zeros at its end."""
    return f"{value.quantize(Decimal('1e-8')).normalize():f}"


def levels(side: Iterable[Level], *, v5: bool) -> list[list[str]]:
    """Write one side of a book: price, size (0 takes the level away), of V5 a zero, number of orders."""
    return [
        [number(price), number(size), *["0"] * v5, "1" if size else "0"]
        for price, size in side
    ]  # fmt: skip


def checksum(sides: dict[Side, list[Level]]) -> int:
    """Return the checksum of a book: the best 25 levels of each side, bid before ask.

    https://dev.okcoin.jp/en/#spot_ws-checksum
    """
    told = []
    for place in range(25):
        for side in (sides["buy"], sides["sell"]):
            told += [f"{number(price)}:{number(size)}" for price, size in side[place : place + 1]]
    value = zlib.crc32(":".join(told).encode())
    return value - 2**32 if value >= 2**31 else value


def trade(name: str, each: Trade) -> dict[str, str]:
    """Write a trade, with the fields that both generations share."""
    return {"side": each.side, "tradeId": str(each.number), "px": number(each.price), "sz": number(each.size)}


def ticker(market: Market) -> dict[str, str]:
    """Write a ticker in the words of V5; the day of this exchange began when it was opened."""
    (bid, bid_size), (ask, ask_size) = (next(iter(market.levels(side, 1)), (ZERO, ZERO)) for side in ("buy", "sell"))
    prices = [each.price for each in market.trades] or [market.last]
    last = next(reversed(market.trades), None)
    told = {
        "last": market.last, "lastSz": last.size if last else ZERO, "askPx": ask, "askSz": ask_size, "bidPx": bid,
        "bidSz": bid_size, "open24h": prices[0], "high24h": max(prices), "low24h": min(prices),
        "sodUtc0": prices[0], "sodUtc8": prices[0], "volCcy24h": market.volume * market.last, "vol24h": market.volume,
    }  # fmt: skip
    return {"instType": "SPOT", "instId": market.name, **{name: number(value) for name, value in told.items()}}


def candle(market: Market, start: int) -> list[str]:
    """Return open, high, low, close, volume and turnover of what has been traded since `start` (ms)."""
    inside = [each for each in market.trades if each.time.ms >= start]
    prices = [each.price for each in inside] or [market.last]
    volume = sum((each.size for each in inside), ZERO)
    turnover = sum((each.size * each.price for each in inside), ZERO)
    return [number(each) for each in (prices[0], max(prices), min(prices), prices[-1], volume, turnover)]


def order_row(order: Order) -> dict[str, str]:
    """Write an order as V5 does."""
    ticket, fill = order.tag, order.tag.last
    base, quote = ticket.instrument.split("-")
    states = {"open": "partially_filled" if order.filled else "live", "filled": "filled"}
    filled = {"fillPx": "", "tradeId": "", "fillSz": "0", "fillTime": ""}
    if fill is not None:
        size, price = number(fill.trade.size), number(fill.trade.price)
        filled = {
            "fillPx": price, "tradeId": str(fill.trade.number), "fillSz": size, "fillTime": str(fill.trade.time.ms),
        }  # fmt: skip
    return {
        "instType": "SPOT", "instId": ticket.instrument, "ordId": str(order.number), "clOrdId": ticket.link,
        "px": number(order.price) if order.price is not None else "", "sz": number(order.size),
        "ordType": ticket.kind, "side": order.side, "tdMode": "cash", "accFillSz": number(order.filled),
        "avgPx": number(order.average) if order.filled else "", **filled, "feeCcy": base, "fee": "0",
        "rebateCcy": quote, "rebate": "0", "state": states.get(order.state, "canceled"), "code": "0", "msg": "",
        "cTime": str(order.time.ms), "uTime": str((order.updated or order.time).ms),
    }  # fmt: skip


def order_row3(order: Order) -> dict[str, str]:
    """Write an order as V3 does."""
    row, fill = order_row(order), order.tag.last
    return {
        "client_oid": row["clOrdId"], "created_at": iso(order.time), "filled_notional": number(order.value),
        "filled_size": row["accFillSz"], "instrument_id": row["instId"], "last_fill_px": row["fillPx"] or "0",
        "last_fill_qty": row["fillSz"], "last_fill_time": iso(fill.trade.time) if fill else "1970-01-01T00:00:00.000Z",
        "margin_trading": "1", "notional": "", "order_id": row["ordId"],
        "order_type": KINDS3.get(row["ordType"], "0"), "price": row["px"], "side": row["side"], "size": row["sz"],
        "state": STATES3[row["state"]], "timestamp": iso(order.updated or order.time),
        "type": "market" if row["ordType"] == "market" else "limit",
    }  # fmt: skip


def balance(account: Account, coin: str, now: Instant) -> dict[str, str]:
    """Write what the account has of a currency as V5 does."""
    total, locked = account.coins[coin], account.locked(coin)
    return {
        "ccy": coin, "eq": number(total), "cashBal": number(total), "availBal": number(total - locked),
        "frozenBal": number(locked), "uTime": str(now.ms),
    }  # fmt: skip


def balance3(account: Account, coin: str) -> dict[str, str]:
    """Write what the account has of a currency as V3 does."""
    total, locked = account.coins[coin], account.locked(coin)
    return {
        "available": number(total - locked), "currency": coin, "id": "", "balance": number(total),
        "hold": number(locked),
    }  # fmt: skip
