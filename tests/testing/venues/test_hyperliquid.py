"""The fake of Hyperliquid against the protocol: signatures, nonces, actions, questions, channels; by plain aiohttp."""

from __future__ import annotations

import copy
import json
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgpack
import pytest
from eth_utils.crypto import keccak

from tests.support import load
from topgun.testing import FakeExchange
from topgun.testing.venues.hyperliquid.gate import TYPES, Wallet, encode_typed_data, recovered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

FIXTURES = Path(__file__).parents[2] / "exchanges" / "hyperliquid"
L1, USER = (load(FIXTURES / "vectors" / f"{name}.json") for name in ("l1", "user_signed"))
[MULTI] = load(FIXTURES / "vectors" / "multi_sig.json")
SIGNER = "0x14791697260e4c9a71f18484c9f997b308e59325"
API, STREAM = "https://api.hyperliquid.xyz", "wss://api.hyperliquid.xyz/ws"
ACTION: dict[str, Any] = {
    "type": "order",
    "orders": [{"a": 1, "b": True, "p": "2000", "s": "0.5", "r": False, "t": {"limit": {"tif": "Gtc"}}}],
    "grouping": "na",
}


def order(**changes: Any) -> dict[str, Any]:
    return {**ACTION, "orders": [{**ACTION["orders"][0], **changes}]}


def sample(name: str) -> Any:
    """Return the data of the first message of a channel in the sample set."""
    return load(FIXTURES / "frames" / f"{name}.json")[0]["messages"][1]["data"]


def shape(value: Any) -> Any:
    """Return which names and types of values there are."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if each is not None}
    return [shape(value[0])] if isinstance(value, list) and value else type(value)


class Bot:
    """A client of Hyperliquid in a few lines of its own: it signs by the documented formula."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.key = fake.apis["hyperliquid"][0]
        self.user = Wallet.from_key(self.key).address.lower()
        self.numbers = count(fake.clock.now().ms)
        self.market = fake.market("ETH")

    def signed(self, action: Any, *, source: str = "a", nonce: int | None = None, **more: Any) -> dict[str, Any]:
        nonce = next(self.numbers) if nonce is None else nonce
        data = msgpack.packb(action) + nonce.to_bytes(8, "big") + b"\x00"
        if "expiresAfter" in more:
            data += b"\x00" + more["expiresAfter"].to_bytes(8, "big")
        domain = {"name": "Exchange", "version": "1", "chainId": 1337, "verifyingContract": "0x" + 40 * "0"}
        types = {"Agent": [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]}
        made = Wallet.sign_message(
            encode_typed_data(domain, types, {"source": source, "connectionId": keccak(data)}), self.key
        )
        signature = {"r": hex(made.r), "s": hex(made.s), "v": made.v}
        return {"action": action, "nonce": nonce, "signature": signature, **more}

    def user_signed(self, kind: str, types: str, **values: Any) -> dict[str, Any]:
        nonce = next(self.numbers)
        action = {"type": kind, "hyperliquidChain": "Mainnet", "signatureChainId": "0x1", **values}
        action["time" if types.endswith("time") else "nonce"] = nonce
        domain = {"name": "HyperliquidSignTransaction", "version": "1", "chainId": 1}
        primary = f"HyperliquidTransaction:{kind[0].upper()}{kind[1:]}"
        fields = [field.split(" ") for field in f"string hyperliquidChain,{types}".split(",")]
        typed = {primary: [{"type": each, "name": name} for each, name in fields]}
        made = Wallet.sign_message(
            encode_typed_data({**domain, "verifyingContract": "0x" + 40 * "0"}, typed, action), self.key
        )
        signature = {"r": hex(made.r), "s": hex(made.s), "v": made.v}
        return {"action": action, "nonce": nonce, "signature": signature}

    async def post(self, path: str, body: Any, url: str = API) -> tuple[int, Any]:
        text = body if isinstance(body, str) else json.dumps(body)
        async with self.session.post(f"{url}{path}", data=text) as response:
            return response.status, await response.json()

    async def act(self, action: Any, **more: Any) -> Any:
        status, told = await self.post("/exchange", self.signed(action, **more))
        assert status == 200
        return told

    async def statuses(self, action: Any) -> Any:
        return (await self.act(action))["response"]["data"]["statuses"]

    async def place(self, **changes: Any) -> Any:
        [status] = await self.statuses(order(**changes))
        return status

    async def ask(self, kind: str, **more: Any) -> Any:
        status, told = await self.post("/info", {"type": kind, **more})
        assert status == 200
        return told


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[Bot]:
    async with (
        FakeExchange("hyperliquid", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield Bot(fake, session)


# --- signatures and nonces ---


@pytest.mark.parametrize("vector", L1, ids=lambda vector: vector["name"])
def test_signatures_of_l1_actions(vector: dict[str, Any]) -> None:
    """Who signed is recovered from every vector; anything changed, and it was somebody else."""
    body = {name: vector[name] for name in ("action", "nonce", "vaultAddress", "expiresAfter", "signature")}
    assert recovered(json.dumps(body), mainnet=vector["mainnet"]) == SIGNER
    for changed in ({"nonce": 7}, {"expiresAfter": 7}, {"vaultAddress": "0x" + 40 * "7"}, {"action": {"type": "a"}}):
        assert recovered(json.dumps({**body, **changed}), mainnet=vector["mainnet"]) != SIGNER
    assert recovered(json.dumps(body), mainnet=not vector["mainnet"]) != SIGNER


@pytest.mark.parametrize("vector", USER, ids=lambda vector: vector["name"])
def test_signatures_of_user_signed_actions(vector: dict[str, Any]) -> None:
    """The same for transfers and approvals."""
    action = {"signatureChainId": "0x66eee", **vector["action"]}
    body = {"action": action, "nonce": 1, "signature": vector["signature"]}
    assert recovered(json.dumps(body), mainnet=True) == SIGNER
    changed = {**body, "action": {**action, "hyperliquidChain": "Other"}}
    assert recovered(json.dumps(changed), mainnet=True) != SIGNER


def test_signature_of_a_multi_sig_action() -> None:
    """The outer signature is checked."""
    action = {"type": "multiSig", "signatureChainId": "0x66eee", "signatures": [MULTI["inner"]]}
    body = {"action": {**action, "payload": MULTI["payload"]}, "nonce": MULTI["nonce"], "signature": MULTI["outer"]}
    assert recovered(json.dumps(body), mainnet=True) == SIGNER
    assert recovered(json.dumps({**body, "nonce": 1}), mainnet=True) != SIGNER


def test_every_user_signed_action_is_known() -> None:
    """All of the official table."""
    assert {vector["action"]["type"] for vector in USER} <= TYPES.keys()


async def test_refusals_at_the_gate() -> None:
    """Wrong keys, networks, nonces, times and vaults are refused, each with a reason; a nonce is good once."""
    async with bot() as me:
        now = me.fake.clock.now().ms
        noop = {"type": "noop"}
        assert await me.act(noop, nonce=now) == {"status": "ok", "response": {"type": "default"}}
        refused = {
            "duplicate nonce": await me.act(noop, nonce=now),
            "is out of range": await me.act(noop, nonce=now - 3 * 86_400_000),
            "does not exist": await me.act(noop, source="b"),
            "expired": await me.act(noop, expiresAfter=now - 1_000),
        }
        for reason, told in refused.items():
            assert told["status"] == "err"
            assert reason in told["response"]
        assert (await me.act(noop, expiresAfter=now + 60_000))["status"] == "ok"
        venue: Any = me.fake._venues[0]
        venue.gate.nonces[me.user] = [now + number for number in range(100, 200)]
        assert "duplicate nonce" in (await me.act(noop, nonce=now + 50))["response"]
        assert [request.verified for request in me.fake.requests] == [True, True, True, False, True, True, True]


async def test_a_vault() -> None:
    """There is none; zeros at the beginning of its address are signed like any other."""
    [vector] = [vector for vector in L1 if vector["name"].startswith("L12")]
    async with bot(apis={"hyperliquid": [f"0x{'0123456789' * 6}0123"]}) as me:
        assert me.user == SIGNER
        me.fake.skew = 1713825891 - me.fake.clock.now().seconds
        body = {name: vector[name] for name in ("action", "nonce", "vaultAddress", "signature")}
        refusal = {"status": "err", "response": f"Vault not registered: {vector['vaultAddress']}"}
        assert await me.post("/exchange", body) == (200, refusal)


@pytest.mark.parametrize(
    "body", ["x", "[]", "{}", {"action": {}}, {"action": {"type": "noop"}, "nonce": 1, "signature": {}}], ids=repr
)
async def test_bodies_that_are_none(body: Any) -> None:
    """They are refused with 422 and a text."""
    async with bot() as me:
        assert await me.post("/exchange", body) == (422, "Failed to deserialize the JSON body into the target type")
        assert not me.fake.requests[0].verified


@pytest.mark.parametrize(
    "action",
    [
        {"type": "unheard"},
        {"type": "order"},
        {"type": "order", "orders": 1},
        {"type": "order", "orders": [{}]},
        {"type": "order", "orders": [{**ACTION["orders"][0], "t": 1}]},
        {"type": "order", "orders": [{**ACTION["orders"][0], "p": 2000}]},
    ],
    ids=repr,
)
async def test_actions_that_are_none(action: Any) -> None:
    """So are actions that it does not understand."""
    async with bot() as me:
        status, _ = await me.post("/exchange", me.signed(action))
        assert status == 422


async def test_a_key_that_is_none() -> None:
    """The exchange opens all the same; what is public needs no key."""
    async with bot(apis={"hyperliquid_testnet": ["YOUR_PRIVATE_KEY"]}) as me:
        assert (await me.ask("allMids")).keys() == {"BTC", "ETH"}


async def test_other_places() -> None:
    """There is nothing else on these hosts."""
    async with bot() as me:
        for method, path in (("POST", "/other"), ("GET", "/info"), ("GET", "/exchange")):
            async with me.session.request(method, f"{API}{path}") as response:
                assert response.status == 404
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await me.session.ws_connect("wss://api.hyperliquid.xyz/other")


async def test_a_zero_too_many() -> None:
    """The exchange hashes numbers as it writes them itself: ``2000.0`` is signed by nobody that it knows."""
    async with bot() as me:
        told = await me.act(order(p="2000.0"))
        assert "does not exist" in told["response"]
        assert (await me.place(p="2000.5"))["resting"]["oid"]


# --- orders ---


async def test_the_life_of_an_order() -> None:
    """It rests, is found, is modified under another number, is filled; what is over cannot be cancelled."""
    async with bot() as me:
        cloid = "0x" + 32 * "1"
        told = await me.place(c=cloid)
        oid = told["resting"]["oid"]
        assert told == {"resting": {"oid": oid, "cloid": cloid}}
        [row] = await me.ask("openOrders", user=me.user.upper().replace("X", "x"))
        assert {**row, "timestamp": 0} == {
            "coin": "ETH", "side": "B", "limitPx": "2000.0", "sz": "0.5", "oid": oid, "timestamp": 0, "origSz": "0.5",
            "cloid": cloid,
        }  # fmt: skip
        [row] = await me.ask("frontendOpenOrders", user=me.user)
        assert (row["tif"], row["reduceOnly"], row["orderType"]) == ("Gtc", False, "Limit")
        for name in (oid, cloid):
            status = await me.ask("orderStatus", user=me.user, oid=name)
            assert (status["order"]["status"], status["order"]["order"]["oid"]) == ("open", oid)
        [changed] = await me.statuses(
            {"type": "batchModify", "modifies": [{"oid": oid, "order": {**ACTION["orders"][0], "p": "2001"}}]}
        )
        new = changed["resting"]["oid"]
        assert new != oid
        modify = {"type": "modify", "oid": new, "order": {**ACTION["orders"][0], "p": "2002"}}
        assert (await me.act(modify))["response"] == {"type": "default"}
        assert await me.act(modify) == {
            "status": "err",
            "response": "Order was never placed, already canceled, or filled.",
        }
        [row] = await me.ask("openOrders", user=me.user)
        gone = [{"error": "Order was never placed, already canceled, or filled."}]
        assert await me.statuses({"type": "cancel", "cancels": [{"a": 0, "o": row["oid"]}]}) == gone
        assert await me.statuses({"type": "cancel", "cancels": [{"a": 1, "o": row["oid"]}]}) == ["success"]
        await me.place(c=cloid)
        by_name = {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": cloid}]}
        assert [await me.statuses(by_name) for _ in range(2)] == [["success"], gone]
        assert await me.ask("openOrders", user=me.user) == []
        assert await me.ask("orderStatus", user=me.user, oid=99_999_999) == {"status": "unknownOid"}


async def test_fills() -> None:
    """Fills change position and money, and are told in the documented form."""
    async with bot() as me:
        ask = me.market.best_ask
        told = await me.place(p=f"{ask + 5:f}", s="0.1", t={"limit": {"tif": "Ioc"}})
        assert told["filled"]["totalSz"] == "0.1"
        state = await me.ask("clearinghouseState", user=me.user)
        documented = sample("new_clearinghouseState")["clearinghouseState"]
        assert {name: shape(state[name]) for name in state if name != "assetPositions"} == {
            name: shape(documented[name]) for name in documented if name != "assetPositions"
        }
        assert state["assetPositions"][0]["position"].keys() == documented["assetPositions"][0]["position"].keys()
        assert [each["position"]["szi"] for each in state["assetPositions"]] == ["0.1"]
        [fill] = await me.ask("userFills", user=me.user)
        assert fill.keys() == sample("userFills")["fills"][0].keys()
        assert (fill["dir"], fill["crossed"], fill["startPosition"]) == ("Open Long", True, "0.0")
        assert await me.ask("userFillsByTime", user=me.user, startTime=0) == [fill]
        assert await me.ask("userFillsByTime", user=me.user, startTime=fill["time"] + 1) == []
        await me.place(b=False, p=f"{me.market.best_bid - 5:f}", s="0.3", r=True, t={"limit": {"tif": "Ioc"}})
        [last, _] = await me.ask("userFills", user=me.user)
        assert (last["dir"], last["side"], last["sz"]) == ("Close Long", "A", "0.1")
        await me.place(b=False, p=f"{me.market.best_bid - 5:f}", s="0.1", t={"limit": {"tif": "Ioc"}})
        [last, *_] = await me.ask("userFills", user=me.user)
        assert last["dir"] == "Open Short"
        [usdc] = (await me.ask("spotClearinghouseState", user=me.user))["balances"]
        assert 99_900 < float(usdc["total"]) < 100_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"p": "2000.01"}, "invalid price"),
        ({"p": "x"}, "invalid price"),
        ({"s": "0.00001"}, "invalid size"),
        ({"s": "-1"}, "invalid size"),
        ({"s": "0.001"}, "minimum value of $10"),
        ({"s": "5000"}, "Insufficient margin"),
        ({"r": True}, "Reduce only"),
        ({"a": 7}, "Unknown asset"),
        ({"a": "ETH"}, "Unknown asset"),
        ({"t": {"trigger": {"isMarket": True, "triggerPx": "1", "tpsl": "sl"}}}, "limit orders alone"),
        ({"t": {"limit": {"tif": "Ioc"}}}, "could not immediately match"),
        ({"p": "4000", "t": {"limit": {"tif": "Alo"}}}, "would have immediately matched"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_refused_orders(changes: dict[str, Any], reason: str) -> None:
    """Each order has an answer of its own; the others are taken."""
    async with bot() as me:
        both = copy.deepcopy(order(**changes))
        both["orders"].append(ACTION["orders"][0])
        refused, taken = await me.statuses(both)
        assert reason in refused["error"]
        assert "resting" in taken


async def test_transfers_and_approvals() -> None:
    """Money is sent to another account; of other user-signed actions only the signature counts."""
    async with bot() as me:
        other = Wallet.from_key(me.fake.apis["hyperliquid_testnet"][0]).address
        types = "string destination,string amount,uint64 time"
        sent = [me.user_signed("usdSend", types, destination=other, amount=amount) for amount in ("5", "999999")]
        told = [(await me.post("/exchange", body))[1] for body in sent]
        assert told == [
            {"status": "ok", "response": {"type": "default"}},
            {"status": "err", "response": "Insufficient balance for withdrawal."},
        ]
        venue: Any = me.fake._venues[0]
        assert venue.account_of(other).usdc == 100_005
        body = me.user_signed("usdClassTransfer", "string amount,bool toPerp,uint64 nonce", amount="1", toPerp=True)
        assert (await me.post("/exchange", body))[1]["status"] == "ok"
        approve = "address agentAddress,string agentName,uint64 nonce"
        body = me.user_signed("approveAgent", approve, agentAddress=other, agentName="x")
        assert (await me.post("/exchange", body))[1]["status"] == "ok"
        me.key = me.fake.apis["hyperliquid_testnet"][0]
        assert (await me.place())["resting"]


# --- questions ---


async def test_questions_about_the_market() -> None:
    """What is public has the documented form."""
    async with bot() as me:
        meta, contexts = await me.ask("metaAndAssetCtxs")
        assert meta == await me.ask("meta")
        assert [(each["name"], each["szDecimals"]) for each in meta["universe"]] == [("BTC", 5), ("ETH", 4)]
        assert shape(contexts[1]) == shape(sample("activeAssetCtx")["ctx"])
        assert (await me.ask("allMids")).keys() == {"BTC", "ETH"}
        book = await me.ask("l2Book", coin="ETH")
        assert shape(book) == shape(sample("l2Book"))
        best = [Decimal(side[0]["px"]) for side in book["levels"]]
        assert best == [me.market.best_bid, me.market.best_ask]
        trades = await me.ask("recentTrades", coin="ETH")
        assert shape(trades) == shape(sample("trades"))
        [candle] = await me.ask("candleSnapshot", req={"coin": "ETH", "interval": "15m"})
        assert shape(candle) == shape(sample("candle"))
        data = await me.ask("activeAssetData", user=me.user, coin="ETH")
        assert shape(data) == shape(sample("activeAssetData"))
        assert await me.ask("userNonFundingLedgerUpdates", user=me.user) == []
        nobody = await me.ask("clearinghouseState", user="0xnobody")
        assert (nobody["withdrawable"], nobody["assetPositions"]) == ("0.0", [])


@pytest.mark.parametrize(
    "question",
    [
        {},
        [],
        {"type": "unheard"},
        {"type": "l2Book", "coin": "SOL"},
        {"type": "openOrders"},
        {"type": "candleSnapshot"},
        {"type": "candleSnapshot", "req": {"coin": "ETH", "interval": "7m"}},
    ],
    ids=repr,
)
async def test_questions_that_are_none(question: Any) -> None:
    """They are refused with 422."""
    async with bot() as me:
        assert (await me.post("/info", question))[0] == 422


# --- sockets ---


async def connect(me: Bot) -> ClientWebSocketResponse:
    socket = await me.session.ws_connect(STREAM)
    assert await socket.receive_str(timeout=5) == "Websocket connection established."
    return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=5))


async def say(socket: ClientWebSocketResponse, message: Any) -> Any:
    await socket.send_str(message if isinstance(message, str) else json.dumps(message))
    return await hear(socket)


async def subscribe(socket: ClientWebSocketResponse, **wanted: Any) -> None:
    told = await say(socket, {"method": "subscribe", "subscription": wanted})
    assert told["channel"] == "subscriptionResponse", told


async def test_pings_and_nonsense() -> None:
    """A ping has a pong; what is not understood, an error."""
    async with bot() as me:
        socket = await connect(me)
        assert await say(socket, {"method": "ping"}) == {"channel": "pong"}
        for nonsense in ("x", "{}", {"method": "post", "id": "1", "request": {"type": "info"}}):
            told = await say(socket, nonsense)
            assert told["channel"] == "error"
            assert told["data"].startswith("Error parsing JSON into valid websocket request")


async def test_subscriptions() -> None:
    """They are confirmed as documented, are there once, and end."""
    async with bot() as me:
        socket = await connect(me)
        trades = {"type": "trades", "coin": "ETH"}
        for method in ("subscribe", "unsubscribe"):
            message = {"method": method, "subscription": trades}
            assert await say(socket, message) == {"channel": "subscriptionResponse", "data": message}
            if method == "subscribe":
                assert (await hear(socket))["channel"] == "trades"
            again = await say(socket, message)
            assert again["channel"] == "error"
            assert again["data"].startswith(f"Already {method}d")
        for wrong in (
            {"type": "unheard"},
            {"type": "trades", "coin": "SOL"},
            {"type": "l2Book", "coin": "ETH", "nSigFigs": 5},
            {"type": "candle", "coin": "ETH", "interval": "7m"},
            {"type": "userFills"},
            {"type": "activeAssetData", "user": me.user, "coin": "SOL"},
        ):
            told = await say(socket, {"method": "subscribe", "subscription": wrong})
            assert told == {"channel": "error", "data": f"Invalid subscription {json.dumps(wrong)}"}


MARKET: list[dict[str, Any]] = [
    {"type": "l2Book", "coin": "ETH"},
    {"type": "bbo", "coin": "ETH"},
    {"type": "trades", "coin": "ETH"},
    {"type": "activeAssetCtx", "coin": "ETH"},
    {"type": "candle", "coin": "ETH", "interval": "1m"},
]


@pytest.mark.parametrize("wanted", MARKET, ids=lambda wanted: wanted["type"])
async def test_channels_of_the_market(wanted: dict[str, Any]) -> None:
    """Each begins with what is, goes on with what becomes of it, and has the form of the sample set."""
    async with bot() as me:
        socket = await connect(me)
        await subscribe(socket, **wanted)
        first = await hear(socket)
        me.market.trade("buy", "0.5")
        second = await hear(socket)
        assert first["channel"] == second["channel"] == wanted["type"]
        assert shape(second["data"]) == shape(sample(wanted["type"]))


async def test_all_mids() -> None:
    """The middle of every coin."""
    async with bot() as me:
        socket = await connect(me)
        await subscribe(socket, type="allMids")
        first = await hear(socket)
        assert first["data"]["mids"].keys() == {"BTC", "ETH"}
        me.market.tick()
        assert (await hear(socket))["channel"] == "allMids"


async def test_an_empty_side() -> None:
    """Where nobody bids, the best bid is null."""
    async with bot() as me:
        me.market.trade("sell", 10_000)
        socket = await connect(me)
        await subscribe(socket, type="bbo", coin="ETH")
        bid, ask = (await hear(socket))["data"]["bbo"]
        assert bid is None
        assert ask["n"] == 1


BEGIN = {
    "userFills": "userFills",
    "userFundings": "userFundings",
    "userNonFundingLedgerUpdates": "userNonFundingLedgerUpdates",
    "openOrders": "new_openOrders",
    "clearinghouseState": "new_clearinghouseState",
    "spotState": "new_spotState",
    "twapStates": "new_twapStates",
    "activeAssetData": "activeAssetData",
}


@pytest.mark.parametrize("channel", BEGIN)
async def test_what_an_account_is_told_first(channel: str) -> None:
    """Each snapshot has the names of the sample set."""
    async with bot() as me:
        socket = await connect(me)
        await subscribe(socket, type=channel, user=me.user.upper().replace("X", "x"), coin="ETH")
        told = await hear(socket)
        assert told["channel"] == channel
        assert told["data"].keys() == sample(BEGIN[channel]).keys()
        assert told["data"]["user"] == me.user


async def test_what_an_account_is_told_later() -> None:
    """An order and a fill come on every channel that they concern, to their account alone."""
    async with bot() as me:
        other = await connect(me)
        await subscribe(other, type="orderUpdates", user="0x" + 40 * "9")
        socket = await connect(me)
        for channel in ("orderUpdates", "userEvents", "notification"):
            await subscribe(socket, type=channel, user=me.user)
        oid = (await me.place(p=f"{me.market.best_bid:f}"))["resting"]["oid"]
        placed = await hear(socket)
        assert placed["data"][0].keys() == sample("orderUpdates")[0].keys()
        assert (placed["data"][0]["status"], placed["data"][0]["order"]["oid"]) == ("open", oid)
        me.market.fill()
        filled = [await hear(socket), await hear(socket)]
        assert [msg["channel"] for msg in filled] == ["orderUpdates", "user"]
        assert filled[0]["data"][0]["status"] == "filled"
        assert shape(filled[1]["data"]) == shape(sample("userEvents"))
        oid = (await me.place())["resting"]["oid"]
        await me.statuses({"type": "cancel", "cancels": [{"a": 1, "o": oid}]})
        assert [(await hear(socket))["data"][0]["status"] for _ in range(2)] == ["open", "canceled"]
        assert await say(other, {"method": "ping"}) == {"channel": "pong"}


async def test_posts() -> None:
    """Questions and actions by socket have the answers of HTTP, in an envelope."""
    async with bot() as me:
        socket = await connect(me)

        async def post(kind: str, payload: Any) -> Any:
            told = await say(socket, {"method": "post", "id": 5, "request": {"type": kind, "payload": payload}})
            assert (told["channel"], told["data"]["id"]) == ("post", 5)
            return told["data"]["response"]

        book = await post("info", {"type": "l2Book", "coin": "ETH"})
        assert (book["type"], book["payload"]["type"], book["payload"]["data"]["coin"]) == ("info", "l2Book", "ETH")
        done = await post("action", me.signed(ACTION))
        assert "resting" in done["payload"]["response"]["data"]["statuses"][0]
        refused = await post("action", me.signed(ACTION, source="b"))
        assert (refused["type"], refused["payload"]["status"]) == ("action", "err")
        for kind, nonsense in (("action", {}), ("info", {}), ("info", None)):
            told = await post(kind, nonsense)
            assert (told["type"], told["payload"][:3]) == ("error", "422")
