"""How the fake MEXC writes spot pushes: as protobuf, by a writer of its own."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["packed"]

# The fields of each message in the order of their numbers, from 1 on.
LEVEL = "price quantity"
MINI = (
    "symbol price rate zonedRate high low volume quantity lastCloseRate lastCloseZonedRate lastCloseHigh lastCloseLow"
)
ORDER = (
    "id clientId price quantity amount avgPrice orderType tradeType isMaker remainAmount remainQuantity "
    "lastDealQuantity cumulativeQuantity cumulativeAmount status createTime"
)
DEAL = "price quantity amount tradeType isMaker isSelfTrade tradeId clientOrderId orderId feeAmount feeCurrency time"
BALANCE = "vcoinName coinId balanceAmount balanceAmountChange frozenAmount frozenAmountChange type time"
CANDLE = "interval windowStart openingPrice closingPrice highestPrice lowestPrice volume amount windowEnd"
BEST = "bidPrice bidQuantity askPrice askQuantity"
BODIES = {
    "publicLimitDepths": (303, "asks bids eventType version lastOrderCreateTime", LEVEL),
    "privateOrders": (304, ORDER, ""),
    "privateDeals": (306, DEAL, ""),
    "privateAccount": (307, BALANCE, ""),
    "publicSpotKline": (308, CANDLE, ""),
    "publicMiniTicker": (309, MINI, ""),
    "publicMiniTickers": (310, "items", MINI),
    "publicBookTickerBatch": (311, "items version", BEST),
    "publicAggreDepths": (313, "asks bids eventType fromVersion toVersion lastOrderCreateTime", LEVEL),
    "publicAggreDeals": (314, "deals eventType", "price quantity tradeType time tradeId"),
    "publicAggreBookTicker": (315, f"{BEST} version lastOrderCreateTime", ""),
}
WRAPPER = {"channel": 1, "symbol": 3, "createTime": 5, "sendTime": 6}


def packed(text: str) -> str | bytes:
    """Return the frame of a message: pushes are binary, answers stay text. What is broken goes out as it is.

    https://github.com/mexcdevelop/websocket-proto
    """
    try:
        message = json.loads(text)
    except ValueError:
        return text.encode()
    if "channel" not in message:
        return text
    written = b"".join(_field(number, message.get(name)) for name, number in WRAPPER.items())
    for name, (number, fields, inner) in BODIES.items():
        if name in message:
            written += _field(number, message[name], fields, inner)
    return written


def _field(number: int, value: Any, fields: str = "", inner: str = "") -> bytes:
    """Write a field; what is empty, 0 or missing is not written."""
    if isinstance(value, list):
        return b"".join(_field(number, each, inner) for each in value)
    if isinstance(value, dict):
        names = enumerate(fields.split(), 1)
        value = b"".join(_field(place, value.get(name), "", inner) for place, name in names)
    elif not value:
        return b""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(int(value))
    data = value if isinstance(value, bytes) else str(value).encode()
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
