"""Spot pushes: what arrives is protobuf, what handlers get are dicts with the names of MEXC's definitions.

The definitions are a table here, and become message classes when the first frame arrives: nobody else needs protobuf.

https://github.com/mexcdevelop/websocket-proto
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...exchange import Link

__all__ = ["decode", "greet"]

# The fields of each message in the order of their numbers, from 1 on: ``name``, ``name:type`` (default: string), ``?``
# behind an optional one, ``*`` behind a repeated one.
_LEVELS = "asks:Level* bids:Level*"
_MESSAGES = {
    "Deal": "price quantity tradeType:int32 time:int64",
    "AggreDeal": "price quantity tradeType:int32 time:int64 tradeId",
    "Level": "price quantity",
    "PublicDeals": "deals:Deal* eventType",
    "PublicAggreDeals": "deals:AggreDeal* eventType",
    "PublicIncreaseDepths": f"{_LEVELS} eventType version",
    "PublicIncreaseDepthsBatch": "items:PublicIncreaseDepths* eventType",
    "PublicLimitDepths": f"{_LEVELS} eventType version lastOrderCreateTime:int64",
    "PublicAggreDepths": f"{_LEVELS} eventType fromVersion toVersion lastOrderCreateTime:int64",
    "PublicBookTicker": "bidPrice bidQuantity askPrice askQuantity",
    "PublicBookTickerBatch": "items:PublicBookTicker* version lastOrderCreateTime:int64",
    "PublicAggreBookTicker": "bidPrice bidQuantity askPrice askQuantity version lastOrderCreateTime:int64",
    "PublicSpotKline": "interval windowStart:int64 openingPrice closingPrice highestPrice lowestPrice volume amount "
    "windowEnd:int64",
    "PublicMiniTicker": "symbol price rate zonedRate high low volume quantity lastCloseRate lastCloseZonedRate "
    "lastCloseHigh lastCloseLow",
    "PublicMiniTickers": "items:PublicMiniTicker*",
    "PrivateAccount": "vcoinName coinId balanceAmount balanceAmountChange frozenAmount frozenAmountChange type "
    "time:int64",
    "PrivateDeals": "price quantity amount tradeType:int32 isMaker:bool isSelfTrade:bool tradeId clientOrderId orderId "
    "feeAmount feeCurrency time:int64",
    "PrivateOrders": "id clientId price quantity amount avgPrice orderType:int32 tradeType:int32 isMaker:bool "
    "remainAmount remainQuantity lastDealQuantity? cumulativeQuantity cumulativeAmount status:int32 createTime:int64 "
    "market? triggerType:int32? triggerPrice? state:int32? ocoId? routeFactor? symbolId? marketId? marketCurrencyId? "
    "currencyId?",
}
_WRAPPER = {1: "channel", 3: "symbol?", 4: "symbolId?", 5: "createTime:int64?", 6: "sendTime:int64?"}
_BODIES = (  # from 301 on; the message of each has the same name
    "publicDeals", "publicIncreaseDepths", "publicLimitDepths", "privateOrders", "publicBookTicker", "privateDeals",
    "privateAccount", "publicSpotKline", "publicMiniTicker", "publicMiniTickers", "publicBookTickerBatch",
    "publicIncreaseDepthsBatch", "publicAggreDepths", "publicAggreDeals", "publicAggreBookTicker",
)  # fmt: skip


def greet(link: Link) -> None:
    """Refuse a socket whose pushes nobody could read.

    Raises:
        ConfigError: The package protobuf is missing.
    """
    reader()


def decode(frame: str | bytes) -> Any:
    """Return a text frame as it is, a binary one as a dict.

    It has every field that is not optional, optional ones and the body where they are there; numbers are ``int``.

    Raises:
        ValueError: It is something else.
        ConfigError: The package protobuf is missing.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    """
    return frame if isinstance(frame, str) else reader()(frame)


@cache
def reader() -> Callable[[bytes], dict[str, Any]]:
    """Return what reads a frame.

    Raises:
        ConfigError: The package protobuf is missing.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415  (an extra)
        from google.protobuf.message import DecodeError  # noqa: PLC0415
    except ImportError:
        raise ConfigError("spot pushes of MEXC need the package protobuf: pip install 'topgun[mexc]'") from None
    file = descriptor_pb2.FileDescriptorProto(name="topgun_mexc.proto", package="topgun_mexc", syntax="proto3")
    for name, fields in _MESSAGES.items():
        _define(file.message_type.add(name=name), enumerate(fields.split(), 1))
    wrapper = file.message_type.add(name="Wrapper")
    wrapper.oneof_decl.add(name="body")
    _define(wrapper, ((number, f"{name}:{name[0].upper()}{name[1:]}") for number, name in enumerate(_BODIES, 301)))
    for field in wrapper.field:
        field.oneof_index = 0
    _define(wrapper, _WRAPPER.items())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("topgun_mexc.Wrapper"))
    row = _row_of("Wrapper", {})

    def read(frame: bytes) -> dict[str, Any]:
        try:
            return row(message.FromString(frame))
        except (DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a push of MEXC: {error}") from None

    return read


def _define(message: Any, fields: Iterable[tuple[int, str]]) -> None:
    """Add fields to the description of a message; each is a number and what the table says."""
    for number, text in fields:
        name, kind, mark = _parts(text)
        field = message.field.add(name=name, number=number, label=3 if mark == "*" else 1)
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type, field.type_name = 11, f".topgun_mexc.{kind}"
        if mark == "?":  # how proto3 writes that it can be told whether the field is there
            field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")


_SCALARS = {"string": 9, "int32": 5, "int64": 3, "bool": 8}  # the numbers of types in descriptors


def _parts(text: str) -> tuple[str, str, str]:
    """Return name, type and mark of what the table says of a field."""
    name, _, kind = text.rstrip("?*").partition(":")
    return name, kind or "string", text[-1] if text[-1] in "?*" else ""


def _row_of(kind: str, known: dict[str, Any]) -> Callable[[Any], dict[str, Any]]:
    """Return what makes a dict of a message of that kind; `known` holds those that were made already."""
    if kind in known:
        made: Callable[[Any], dict[str, Any]] = known[kind]
        return made
    fields = [_parts(text) for text in (_WRAPPER.values() if kind == "Wrapper" else _MESSAGES[kind].split())]
    plain = [name for name, _, mark in fields if not mark]
    optional = [name for name, _, mark in fields if mark == "?"]
    repeated = [(name, _row_of(each, known)) for name, each, mark in fields if mark == "*"]
    bodies = {name: _row_of(name[0].upper() + name[1:], known) for name in _BODIES} if kind == "Wrapper" else {}

    def row(message: Any) -> dict[str, Any]:
        told = {name: getattr(message, name) for name in plain}
        for name in optional:
            if message.HasField(name):
                told[name] = getattr(message, name)
        for name, each in repeated:
            told[name] = [each(part) for part in getattr(message, name)]
        if bodies and (body := message.WhichOneof("body")) is not None:
            told[body] = bodies[body](getattr(message, body))
        return told

    known[kind] = row
    return row
