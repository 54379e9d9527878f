"""What a Binance socket sends by itself: pongs, signed messages, the pace, and warnings of streams on a wrong path."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, load
from topgun.credentials import Credential
from topgun.errors import SigningError
from topgun.exchanges.binance import EXCHANGE
from topgun.exchanges.binance.rest import signature
from topgun.exchanges.binance.stream import forget, heartbeat, misplaced, sign_message, warn_of_path
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "ws.json")
PEM = load(HERE / "vectors" / "pem.json")
LOGGER = "topgun.exchanges.binance"
API = "wss://ws-api.binance.com/ws-api/v3"
FAPI = "wss://ws-fapi.binance.com/ws-fapi/v1"
KEY = Credential("K", b"S")


def link(url: str = API, credential: Credential | None = KEY, clock: float = 1_747_385_641.636) -> Any:
    return FakeLink(url, credential, FakeClock(clock))


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


# -- the sample set ------------------------------------------------------------------------------------------------

# What must be sent where the vector shows what must not: by the id of the message, the whole params.
STAMP = {"timestamp": 1747385641636}
BINANCE = {"apiKey": VECTORS[0]["apis"]["binance"][0], **STAMP}
BETTER: dict[int, dict[str, Any] | None] = {
    4: None,  # a public method is not signed
    5: {
        "symbol": "BTCUSDT",
        "computeCommissionRates": True,
        **BINANCE,
        "signature": "aaae1dc1da70887dc78a72221ad400551551bdbdcbb641098722f1a2dbb6987a",
    },
    6: {
        "symbol": "BTCUSDT",
        **BINANCE,
        "signature": "f4dcba59f0629bbffbba667d5b48f1257f047b8445d992b63c4eadc58b87934e",
    },
    8: {"apiKey": "TK_SPOT", **STAMP, "signature": digest("TS_SPOT", "apiKey=TK_SPOT&timestamp=1747385641636")},
    9: {
        **BINANCE,
        "signature": digest(VECTORS[0]["apis"]["binance"][1], f"apiKey={BINANCE['apiKey']}&timestamp=1747385641636"),
    },
    10: None,  # auth=None on the connection
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['send_json']['id']}")
def test_vectors(vector: dict[str, Any]) -> None:
    """A message of each vector goes out as the vector says, byte for byte; the caller's own is unchanged."""
    host = EXCHANGE.hosts[URL(vector["url"]).host or ""]
    key, secret = vector["apis"][host.api]
    message = vector["send_json"]
    before = copy.deepcopy(message)
    assert host.sign_message is sign_message
    sent = message
    if "auth" not in vector:  # the core asks only then
        sent = sign_message(message, link(vector["url"], Credential(key, secret.encode()), vector["clock"]))
    assert message == before
    [frame] = vector["sent_text_frames"]
    if message["id"] in BETTER:
        params = BETTER[message["id"]]
        frame = json.dumps(before if params is None else {**before, "params": params})
    assert json.dumps(sent) == frame


def test_vectors_that_differ_are_all_described() -> None:
    """The vectors that are marked so are those above, and nothing else."""
    assert {vector["send_json"]["id"] for vector in VECTORS if "note" in vector} - {3} == BETTER.keys()


# -- signed messages -----------------------------------------------------------------------------------------------


def test_a_second_send_is_signed_anew() -> None:
    """The same message sent later carries the time and the signature of then, and what was sent can be sent again."""
    fake, message = link(), {"id": 1, "method": "order.place", "params": {"symbol": "BTCUSDT", "recvWindow": 5000}}
    first = sign_message(message, fake)
    fake.clock.skew(30)
    second, third = sign_message(message, fake), sign_message(first, fake)
    assert first["params"]["timestamp"] + 30_000 == second["params"]["timestamp"]
    assert second == third
    text = f"apiKey=K&recvWindow=5000&symbol=BTCUSDT&timestamp={second['params']['timestamp']}"
    assert second["params"]["signature"] == digest("S", text)
    assert message == {"id": 1, "method": "order.place", "params": {"symbol": "BTCUSDT", "recvWindow": 5000}}


def test_values_are_signed_as_json_has_them() -> None:
    """Texts without quotes, everything else as JSON writes it."""
    params = {"a": True, "b": None, "c": 0.1, "d": 1e22, "e": "é", "f": ["x"], "Z": 5}
    signed = sign_message({"method": "order.test", "params": params}, link())["params"]
    text = 'Z=5&a=true&apiKey=K&b=null&c=0.1&d=1e+22&e=é&f=["x"]&timestamp=1747385641636'
    assert signed["signature"] == digest("S", text)


UNSIGNED = """ping time exchangeInfo depth trades.recent trades.historical trades.aggregate blockTrades.historical
klines uiKlines avgPrice ticker ticker.24hr ticker.tradingDay ticker.price ticker.book executionRules referencePrice
referencePrice.calculation session.status session.logout session.subscriptions userDataStream.subscribe
userDataStream.subscribe.listenToken userDataStream.unsubscribe""".split()


@pytest.mark.parametrize("method", UNSIGNED)
def test_methods_without_a_signature(method: str) -> None:
    """Public data, and what belongs to a session, go as they are."""
    message = {"id": 1, "method": method, "params": {"symbol": "BTCUSDT"}}
    assert sign_message(message, link()) is message


@pytest.mark.parametrize("method", ["userDataStream.start", "userDataStream.ping", "userDataStream.stop"])
def test_methods_with_the_key_alone(method: str) -> None:
    """The listenKey of futures is asked for with the key and nothing else."""
    assert sign_message({"id": 1, "method": method}, link(FAPI)) == {
        "id": 1,
        "method": method,
        "params": {"apiKey": "K"},
    }


@pytest.mark.parametrize("method", ["session.logon", "v2/account.balance", "userDataStream.subscribe.signature"])
@pytest.mark.parametrize("url", [API, FAPI, "wss://testnet.binancefuture.com/ws-dapi/v1"])
def test_methods_with_a_signature(method: str, url: str) -> None:
    """Everything else is signed, on the WebSocket API of each product."""
    signed = sign_message({"id": 1, "method": method}, link(url))
    assert signed["params"]["signature"] == digest("S", "apiKey=K&timestamp=1747385641636")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("wss://testnet.binance.vision/stream", {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}),
        ("wss://testnet.binance.vision/ws", {"method": "order.place", "params": {}}),
        (API, {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}),
        (API, {"method": None}),
        (API, {"id": 1}),
        (API, ["order.place"]),
        (API, "order.place"),
    ],
)
def test_messages_that_are_no_requests(url: str, message: Any) -> None:
    """On other paths, and where the form is another one, a message stays as it is."""
    assert sign_message(message, link(url)) is message


def test_without_a_key() -> None:
    """Nothing is signed."""
    message = {"method": "account.status"}
    assert sign_message(message, link(API, None)) is message


@pytest.mark.parametrize("kind", ["Ed25519", "RSA"])
def test_pem_keys(kind: str) -> None:
    """The signature of an own key is base64, as it stands; ``session.logon`` is signed with it."""
    fake = link(API, Credential("ED_KEY", PEM["keys"][kind].encode()))
    signed = sign_message({"id": 1, "method": "session.logon"}, fake)
    [vector] = [each for each in PEM["vectors"] if each["key"] == kind and each["text"].startswith("apiKey")]
    assert signed["params"] == {"apiKey": "ED_KEY", **STAMP, "signature": vector["signature"]}


def test_pem_key_that_cannot_be_used() -> None:
    """It raises an error that says so."""
    fake = link(API, Credential("K", PEM["not usable"]["EC"].encode()))
    with pytest.raises(SigningError, match="private key"):
        sign_message({"method": "session.logon"}, fake)
    with pytest.raises(SigningError):
        signature(PEM["not usable"]["cut off"].encode(), b"")


# -- heartbeat and limit -------------------------------------------------------------------------------------------


async def test_heartbeat() -> None:
    """An unasked pong at once and every 60 s; it ends with the connection."""
    fake = link("wss://stream.binance.com:9443/ws")
    task = asyncio.create_task(heartbeat(fake))
    await fake.clock.asleep()
    assert fake.sent == ["<pong>"]
    await fake.clock.advance(59.9)
    assert fake.sent == ["<pong>"]
    await fake.clock.advance(0.1)
    assert fake.sent == ["<pong>"] * 2
    fake.closed = True
    await fake.clock.advance(60)
    assert fake.sent == ["<pong>"] * 2
    assert task.done()


HEARTBEAT = """stream.binance.com data-stream.binance.vision margin-stream.binance.com fstream.binance.com
dstream.binance.com vstream.binance.com stream.testnet.binance.vision fstream.binancefuture.com stream.binancefuture.com
dstream.binancefuture.com testnet.binanceops.com testnetws.binanceops.com demo-stream.binance.com
demo-fstream.binance.com demo-dstream.binance.com""".split()
SPOT = ("stream.binance.com", "data-stream.binance.vision", "stream.testnet.binance.vision", "demo-stream.binance.com")


def test_record() -> None:
    """Who has a heartbeat, who has a limit, who signs messages, and with whose key."""
    hosts = EXCHANGE.hosts
    assert {name for name, host in hosts.items() if host.heartbeat is heartbeat} == {*HEARTBEAT}
    assert all(hosts[name].limit is hosts[SPOT[0]].limit is not None for name in SPOT)
    futures = {name for name in HEARTBEAT if "fstream" in name or "dstream" in name} | {"stream.binancefuture.com"}
    assert {name for name in HEARTBEAT if hosts[name].limit is not None} == futures | {*SPOT}
    assert {name for name, host in hosts.items() if host.readdress is not None} == futures
    signing = {name: host.api for name, host in hosts.items() if host.sign_message and name not in futures}
    assert signing == {
        "ws-api.binance.com": "binance",
        "ws-fapi.binance.com": "binance",
        "ws-dapi.binance.com": "binance",
        "testnet.binance.vision": "binancespot_testnet",
        "ws-api.testnet.binance.vision": "binancespot_testnet",
        "testnet.binancefuture.com": "binancefuture_testnet",
        "demo-ws-api.binance.com": "binance_demo",
    }
    assert all(hosts[name].forget is forget for name in {*HEARTBEAT, *signing})


@pytest.mark.parametrize(("host", "times"), [("stream.binance.com", 4), ("fstream.binance.com", 9)])
async def test_limit(host: str, times: int) -> None:
    """In any second one message less is sent than Binance takes, in order, by the local clock alone."""
    fake, sent = link(f"wss://{host}/stream"), list[tuple[int, float]]()
    limit = EXCHANGE.hosts[host].limit
    assert limit is not None

    async def one(number: int) -> None:
        async def send() -> None:
            sent.append((number, fake.clock.monotonic()))

        await limit(fake, send)

    tasks = [asyncio.create_task(one(number)) for number in range(3 * times)]
    await fake.clock.advance(5)
    await asyncio.gather(*tasks)
    assert sent == [(number, float(number // times)) for number in range(3 * times)]
    assert fake.sent == []
    assert fake.fetched == {}


# -- unsubscribing -------------------------------------------------------------------------------------------------

SUBSCRIBE = {"method": "SUBSCRIBE", "params": ["a@trade", "a@depth"], "id": 1}
USER = {"id": 1, "method": "userDataStream.subscribe.signature"}


@pytest.mark.parametrize(
    ("subscription", "unsubscription", "left"),
    [
        (
            SUBSCRIBE,
            {"method": "UNSUBSCRIBE", "params": ["a@trade", "b@trade"], "id": 2},
            {**SUBSCRIBE, "params": ["a@depth"]},
        ),
        (SUBSCRIBE, {"method": "UNSUBSCRIBE", "params": ["a@depth", "a@trade"], "id": 2}, None),
        (SUBSCRIBE, {"method": "UNSUBSCRIBE", "params": ["b@trade"], "id": 2}, SUBSCRIBE),
        (SUBSCRIBE, {"method": "userDataStream.unsubscribe", "id": 2}, SUBSCRIBE),
        (USER, {"method": "userDataStream.unsubscribe", "id": 2}, None),
        (USER, {"method": "userDataStream.unsubscribe", "params": {}, "id": 2}, None),
        (USER, {"method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}, "id": 2}, USER),
        (USER, {"method": "UNSUBSCRIBE", "params": ["a@trade"]}, USER),
        ("text", {"method": "UNSUBSCRIBE", "params": ["a@trade"]}, "text"),
    ],
)
def test_forget(subscription: Any, unsubscription: Any, left: Any) -> None:
    """What is sent on further connections; neither message is changed."""
    before = copy.deepcopy((subscription, unsubscription))
    assert forget(subscription, unsubscription) == left
    assert (subscription, unsubscription) == before


# -- streams on a wrong path ---------------------------------------------------------------------------------------

FSTREAM = "wss://fstream.binance.com"
KEY_TEXT = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


@pytest.mark.parametrize(
    ("stream", "right"),
    [
        ("btcusdt@bookTicker", ["public"]),
        ("!bookTicker", ["public"]),
        ("btcusdt@depth", ["public"]),
        ("btcusdt@depth5@100ms", ["public"]),
        ("btcusdt@rpiDepth@500ms", ["public"]),
        ("btcusdt@trade", ["public", "market"]),
        ("btcusdt@aggTrade", ["market"]),
        ("btcusdt@kline_1m", ["market"]),
        ("btcusdt_perpetual@continuousKline_1m", ["market"]),
        ("!markPrice@arr", ["market"]),
        ("!ticker@arr", ["market"]),
        ("!contractInfo", ["market"]),
        (KEY_TEXT, ["private"]),
    ],
)
def test_paths(stream: str, right: list[str]) -> None:
    """Each stream comes on its path; without one of the three, as on ``/public``."""
    found = [path for path in ("public", "market", "private") if not misplaced(URL(f"{FSTREAM}/{path}/ws"), [stream])]
    assert found == right
    assert bool(misplaced(URL(f"{FSTREAM}/ws"), [stream])) is ("public" not in right)
    assert misplaced(URL(f"{FSTREAM}"), [stream]) == misplaced(URL(f"{FSTREAM}/stream"), [stream])
    assert misplaced(URL("wss://dstream.binance.com/ws"), [stream]) == []


@pytest.mark.parametrize(
    ("url", "message", "said"),
    [
        (
            f"{FSTREAM}/public/stream?streams=btcusdt@depth/btcusdt@aggTrade",
            None,
            "btcusdt@aggTrade comes on the path /market",
        ),
        (f"{FSTREAM}/ws/btcusdt@kline_1m", None, "btcusdt@kline_1m comes on the path /market"),
        (f"{FSTREAM}/ws/{KEY_TEXT}", None, "user data comes on the path /private"),
        (f"{FSTREAM}/stream", {"method": "SUBSCRIBE", "params": ["!ticker@arr"], "id": 1}, "!ticker@arr comes on"),
    ],
)
def test_warnings(url: str, message: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """A stream that will never send anything is one warning, without the listenKey."""
    warn_of_path(URL(url), message)
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert said in caplog.text
    assert KEY_TEXT not in caplog.text


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{FSTREAM}/private/ws/{KEY_TEXT}", None),
        (f"{FSTREAM}/private/ws?listenKey={KEY_TEXT}", None),
        (f"{FSTREAM}/private", None),
        (f"{FSTREAM}/market/ws/btcusdt@aggTrade", {"method": "UNSUBSCRIBE", "params": ["btcusdt@depth"], "id": 1}),
        (f"{FSTREAM}/market/stream", {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", 5], "id": 1}),
        ("wss://stream.binance.com/ws/btcusdt@aggTrade", None),
    ],
)
def test_no_warnings(url: str, message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Where everything is in its place nothing is said."""
    warn_of_path(URL(url), message)
    assert not caplog.records


def test_a_subscription_on_a_wrong_path(caplog: pytest.LogCaptureFixture) -> None:
    """A message that is sent there says so, and goes as it is."""
    message = {"method": "SUBSCRIBE", "params": ["btcusdt@depth", "btcusdt@aggTrade"], "id": 1}
    assert sign_message(message, link(f"{FSTREAM}/public/stream")) is message
    assert "btcusdt@aggTrade" in caplog.text
    assert "depth" not in caplog.text
