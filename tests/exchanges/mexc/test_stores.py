"""`MEXCDataStore`: every sample of the protocol, answers that cover a part, refusals, damaged messages."""

from __future__ import annotations

import base64
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.samples import Watched, cases, play, tables
from tests.support import FakeSocket, damaged, load, places, respond
from topgun.exchanges._recent import Recent
from topgun.exchanges.mexc import MEXCDataStore
from topgun.exchanges.mexc.frames import decode

HERE = Path(__file__).parent
FRAMES, RESPONSES = HERE / "frames", HERE / "responses"
LOGGER = "topgun.exchanges.mexc"
SPOT, FUTURES = "https://api.mexc.com/api/v3", "https://api.mexc.com/api/v1/private"
OPEN = f"{FUTURES}/order/list/open_orders"
# Warnings of the samples: refusals on spot have the code 0, the login of contracts an error.
WARNED = {"spot_control": 2, "contract_control": 1}


def stepped(case: dict[str, Any], *, binary: bool) -> dict[str, Any]:
    """Return a case in the form that `play` knows; with `binary` its messages are read from their frames."""
    case = {**case}
    if binary and "frames_protobuf_base64" in case:
        case["messages"] = [decode(base64.b64decode(frame)) for frame in case["frames_protobuf_base64"]]
    steps = []
    for step in case.get("steps", []):
        if "rest" in step:
            steps.append({"initialize": step["rest"]})
        elif binary and "frame_protobuf_base64" in step:
            steps.append({"message": decode(base64.b64decode(step["frame_protobuf_base64"]))})
        else:
            steps.append({"message": step["ws"]})
    return {**case, "steps": steps}


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("path", sorted(FRAMES.glob("*.json")), ids=lambda path: path.stem)
async def test_samples(path: Path, binary: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Every case of a file comes to the rows and views that it expects; so do its frames as they come."""
    for case in load(path):
        caplog.clear()
        warning = {"logger": LOGGER, "level": "WARNING"}
        warnings = [warning] * WARNED.get(path.stem, 0)
        await play(MEXCDataStore, stepped(case, binary=binary) | {"expect_warnings": warnings}, caplog)


def test_the_samples_are_all_there() -> None:
    """24 files, each with what must come of it."""
    assert len(list(FRAMES.glob("*.json"))) == len(cases(FRAMES)) == 24


@pytest.mark.parametrize("case", load(RESPONSES / "rest_errors.json"), ids=lambda case: case["request"]["url"][8:])
async def test_refused_answers(case: Any, caplog: pytest.LogCaptureFixture) -> None:
    """They are skipped with a warning that names no query, and their table is stale."""
    store = MEXCDataStore()
    await store.initialize(respond("GET", f"{SPOT}/account", {"balances": []}))
    assert store.account.state() == "live"
    await store.initialize(respond("GET", f"{case['request']['url']}?signature=SECRET", case["response"]))
    assert [(record.name, record.levelno) for record in caplog.records] == [(LOGGER, logging.WARNING)]
    assert "SECRET" not in caplog.text
    assert store.account.state() == "stale"


# -- what an answer covers -----------------------------------------------------------------------------------------


def spot_order(name: str, symbol: str = "BTCUSDT", status: int = 1, done: str = "0") -> dict[str, Any]:
    row = {"id": name, "clientId": "", "cumulativeQuantity": done, "status": status}
    return {"channel": "spot@private.orders.v3.api.pb", "symbol": symbol, "privateOrders": row}


def contract_order(name: Any, symbol: str = "BTC_USDT", state: int = 2, done: float = 0) -> dict[str, Any]:
    row = {"orderId": name, "symbol": symbol, "state": state, "dealVol": done}
    return {"channel": "push.personal.order", "data": row}


def listed(name: str, symbol: str = "BTCUSDT", status: str = "NEW", done: str = "0") -> dict[str, Any]:
    return {
        "symbol": symbol, "orderId": name, "clientOrderId": "", "price": "1", "origQty": "2", "executedQty": done,
        "cummulativeQuoteQty": "0", "status": status, "side": "SELL", "type": "LIMIT_MAKER", "time": 5,
    }  # fmt: skip


def told(*orders: Any) -> dict[str, Any]:
    return {"success": True, "code": 0, "data": list(orders)}


def store_with(*messages: Any) -> MEXCDataStore:
    store = MEXCDataStore()
    for message in messages:
        store.onmessage(message)
    return store


def names(store: MEXCDataStore) -> set[str]:
    return {row["orderId"] for row in store.orders}


EVERYTHING = (spot_order("a"), spot_order("b", "ETHUSDT"), contract_order(1), contract_order("2", "ETH_USDT"))


@pytest.mark.parametrize(
    ("url", "data", "left", "live"),
    [
        (f"{SPOT}/openOrders?symbol=BTCUSDT", [], {"b", "1", "2"}, True),
        (f"{SPOT}/openOrders?symbol=BTCUSDT,ETHUSDT", [listed("c")], {"c", "1", "2"}, True),
        (f"{SPOT}/openOrders", [listed("d", status="FILLED")], {"1", "2"}, True),
        (OPEN, told(), {"a", "b"}, True),
        (f"{OPEN}/BTC_USDT", told(contract_order(3)["data"]), {"a", "b", "2", "3"}, True),
        (f"{OPEN}?symbol=ETH_USDT", told(), {"a", "b", "1"}, True),
        (f"{OPEN}?page_num=2", told(contract_order(3)["data"]), {"a", "b", "1", "2", "3"}, False),
        (f"{OPEN}?page_size=1", told(contract_order(3)["data"]), {"a", "b", "1", "2", "3"}, False),
        (f"{OPEN}?page_size=2", told(contract_order(3)["data"]), {"a", "b", "3"}, True),
        (OPEN, told(contract_order(3, state=3)["data"]), {"a", "b"}, True),
    ],
)
async def test_open_orders(url: str, data: Any, left: set[str], live: bool) -> None:
    """An answer replaces the orders of its market, of its symbols, or none if there are more pages."""
    store = store_with(*EVERYTHING)
    await store.initialize(respond("GET", url, data))
    assert names(store) == left
    assert store.orders.state() == ("live" if live else "stale")


async def test_row_of_an_open_order() -> None:
    """Answers of spot get the names and the numbers of the stream."""
    store = MEXCDataStore()
    await store.initialize(respond("GET", f"{SPOT}/openOrders", [listed("x", status="PARTIALLY_FILLED", done="1")]))
    [row] = store.orders
    assert (row["status"], row["tradeType"], row["orderType"], row["cumulativeQuantity"]) == (3, 2, 2, "1")


async def test_orders_that_are_over_stay_away() -> None:
    """Neither an answer nor a late message brings one back."""
    store = store_with(*EVERYTHING, spot_order("a", status=2), contract_order(1, state=4))
    store.onmessage(spot_order("a", status=3))
    await store.initialize(
        respond("GET", f"{SPOT}/openOrders", [listed("a"), listed("b", "ETHUSDT")]),
        respond("GET", OPEN, told(contract_order(1)["data"])),
    )
    assert names(store) == {"b"}


def test_orders_that_are_over_are_forgotten_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest are remembered."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    store = store_with(*(spot_order(name, status=4) for name in "abc"))
    assert list(store.orders._over) == ["b", "c"]


@pytest.mark.parametrize(("answered", "kept"), [("0.10", "0.4"), ("0.40", "0.40"), ("0.9", "0.9")])
async def test_answers_that_are_behind(answered: str, kept: str) -> None:
    """Of two states of an order the one with more filled counts; numbers are compared, not texts."""
    store = store_with(spot_order("a", status=3, done="0.4"))
    await store.initialize(respond("GET", f"{SPOT}/openOrders", [listed("a", done=answered)]))
    [row] = store.orders
    assert row["cumulativeQuantity"] == kept


async def test_balances() -> None:
    """An answer lists all of its market; that of the other market stays."""
    push = {"channel": "spot@private.account.v3.api.pb", "privateAccount": {"vcoinName": "MX", "balanceAmount": "1"}}
    store = store_with(push, {"channel": "push.personal.asset", "data": {"currency": "USDT", "equity": 1}})
    balance = {"asset": "BTC", "free": "1", "locked": "2"}
    await store.initialize(respond("GET", f"{SPOT}/account", {"balances": [balance]}))
    assert list(store.account) == [
        {"market": "contract", "currency": "USDT", "equity": 1},
        {"market": "spot", "currency": "BTC", "balanceAmount": "1", "frozenAmount": "2"},
    ]
    await store.initialize(respond("GET", f"{FUTURES}/account/assets", told()))
    assert [row["market"] for row in store.account] == ["spot"]


async def test_positions() -> None:
    """An answer lists all, or those of a symbol; a position without a size is closed, whatever its state."""
    rows = [{"positionId": number, "symbol": f"{coin}_USDT", "holdVol": 1} for number, coin in enumerate("ABC")]
    store = store_with(*({"channel": "push.personal.position", "data": row} for row in rows))
    url = f"{FUTURES}/position/open_positions"
    await store.initialize(respond("GET", f"{url}?symbol=A_USDT", told({"positionId": 7, "symbol": "A_USDT"})))
    assert [row["positionId"] for row in store.positions] == [1, 2, 7]
    store.onmessage({"channel": "push.personal.position", "data": {"positionId": 7, "holdVol": 0.0}})
    store.onmessage({"channel": "push.personal.position", "data": {"positionId": 2, "state": 3}})
    assert [row["positionId"] for row in store.positions] == [1]
    await store.initialize(respond("GET", url, told()))
    assert len(store.positions) == 0


INTERVALS = {
    "1m": "Min1", "5m": "Min5", "15m": "Min15", "30m": "Min30", "60m": "Min60", "4h": "Hour4", "1d": "Day1",
    "1W": "Week1", "1M": "Month1",
}  # fmt: skip


async def test_candles() -> None:
    """Answers and stream name the same row."""
    values = [60_000, "1", "3", "0.5", "2", "9", 120_000, "8"]
    for asked, told_ in INTERVALS.items():
        store = MEXCDataStore()
        await store.initialize(respond("GET", f"{SPOT}/klines?symbol=X&interval={asked}", [values]))
        [row] = store.kline
        prices = [row[f"{name}Price"] for name in ("opening", "highest", "lowest", "closing")]
        assert (row["interval"], prices) == (told_, ["1", "3", "0.5", "2"])
        candle = {"interval": told_, "windowStart": 60, "closingPrice": "5"}
        store.onmessage({"channel": "spot@public.kline.v3.api.pb", "symbol": "X", "publicSpotKline": candle})
        assert [row["closingPrice"] for row in store.kline] == ["5"]


async def test_a_candle_of_no_interval() -> None:
    """It cannot be filed."""
    with pytest.raises(ValueError, match="klines"):
        await MEXCDataStore().initialize(respond("GET", f"{SPOT}/klines?symbol=X&interval=2m", []))


# -- the stream ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "warned"),
    [
        ({"id": 0, "code": 0, "msg": "spot@a,spot@b"}, False),
        ({"id": 0, "code": 0, "msg": "spot@a,junk"}, True),
        ({"id": 0, "code": 7, "msg": "PONG"}, True),
        ({"id": 0, "code": 0, "msg": 5}, False),
        ({"channel": "rs.error", "data": "no"}, True),
        ({"channel": "rs.login", "data": "success"}, False),
        ({"channel": "push.personal.plan.order", "data": {"orderId": "1"}}, False),
        ({"channel": "spot@public.increase.depth.v3.api.pb", "publicIncreaseDepths": {}}, False),
        ({"channel": 5}, False),
        ([1], False),
        ("pong", False),
    ],
)
def test_what_has_no_table(message: Any, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Refusals are warnings; acknowledgements, and what is not confirmed, change nothing."""
    store = store_with(message)
    assert bool(caplog.records) is warned
    assert not any(len(table) for table in tables(store).values())


async def test_an_account_that_was_refused() -> None:
    """As long as a socket was refused private channels, no answer makes the tables of the account live."""
    store, ws = MEXCDataStore(), FakeSocket()
    channel = "spot@private.orders.v3.api.pb"
    refusal = {"id": 0, "code": 0, "msg": f"Not Subscribed successfully! [{channel}].  Reason： Blocked! "}
    store.onmessage(refusal, ws)  # type: ignore[arg-type]  # a stand-in

    async def state() -> str:
        await store.initialize(respond("GET", f"{SPOT}/openOrders", []))
        return store.orders.state()

    assert await state() == "stale"
    store.onmessage({"id": 0, "code": 0, "msg": channel}, ws)  # type: ignore[arg-type]  # a stand-in
    assert await state() == "live"
    store.onmessage(refusal)
    assert (store.orders.state(), await state()) == ("stale", "live")


def test_deals_of_the_superseded_channel() -> None:
    """``publicDeals`` are trades as well."""
    deal = {"price": "1", "quantity": "2", "tradeType": 2, "time": 3}
    store = store_with({"channel": "spot@public.deals.v3.api.pb@X", "symbol": "X", "publicDeals": {"deals": [deal]}})
    assert list(store.trades) == [{"symbol": "X", "side": "sell", **deal}]


MESSAGES = [
    message
    for path in sorted(FRAMES.glob("*.json"))
    for case in load(path)
    for message in [*case.get("messages", []), *(step["ws"] for step in case.get("steps", []) if "ws" in step)][:1]
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(message.get("channel", "ack"))[:40])
async def test_damaged_messages(message: Any) -> None:
    """Whatever is missing or junk: nothing is raised, no other table changes, every table stays sound."""
    for place in places(message):
        for junk in (..., None, 7, "x", [], {}, [None]):
            watched = Watched(MEXCDataStore)
            watched.feed(damaged(message, place, junk))
            changed = {name for name, changes in (await watched.check()).items() if changes}
            assert len(changed) <= 1


@pytest.mark.parametrize("pair", [step["rest"] for step in load(FRAMES / "initialize.json")[0]["steps"]])
async def test_damaged_answers(pair: Any) -> None:
    """They raise one error that is a `ValueError`, or are taken; every table stays sound."""
    url = pair["request"]["url"]
    for place in places(pair["response"]):
        for junk in (..., None, "x", [7]):
            store = MEXCDataStore()
            with suppress(ValueError):
                await store.initialize(respond("GET", url, damaged(pair["response"], place, junk)))
            for table in tables(store).values():
                table._check()


def test_socket_of_nobody() -> None:
    """A socket that is closed already is not kept."""
    store, ws = MEXCDataStore(), FakeSocket()
    ws.closed = True
    store._onconnect(ws)
    store._onconnect(ws)
    assert store.listenkey is None
