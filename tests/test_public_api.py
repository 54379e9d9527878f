"""The public names and signatures that users rely on."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import version

import pytest

import topgun

CLIENT = {"Client", "FetchResult", "NotJSONContent", "Auth", "Exchange", "Host", "EXCHANGES"}
SOCKETS = {"ClientWebSocketResponse", "WebSocketApp", "WebSocketQueue"}
STORES = {"BookStore", "DataStore", "DataStoreCollection", "StoreChange", "StoreStream", "Topic"}
EXCHANGE_STORES = {
    "BinanceCOINMDataStore",
    "BinanceSpotDataStore",
    "BinanceUSDSMDataStore",
    "BitMEXDataStore",
    "BitTradeDataStore",
    "BitgetDataStore",
    "BitgetV2DataStore",
    "BitgetV3DataStore",
    "BybitDataStore",
    "CoincheckDataStore",
    "CoincheckPrivateDataStore",
    "GMOCoinDataStore",
    "HyperliquidDataStore",
    "KuCoinDataStore",
    "MEXCDataStore",
    "OKJDataStore",
    "OKXDataStore",
    "PhemexDataStore",
    "bitFlyerDataStore",
    "bitbankDataStore",
    "bitbankPrivateDataStore",
}


def test_names() -> None:
    """The public names are exactly these."""
    assert set(topgun.__all__) == {"__version__"} | CLIENT | SOCKETS | STORES | EXCHANGE_STORES
    for name in topgun.__all__:
        assert getattr(topgun, name) is not None


def test_names_that_are_loaded_later() -> None:
    """What is loaded at its first use is listed before it, and a name that does not exist is an AttributeError."""
    assert set(topgun.__all__) | {"store", "ws", "exchanges", "helpers"} <= set(dir(topgun))
    assert topgun.ws.WebSocketApp is topgun.WebSocketApp
    with pytest.raises(AttributeError, match="no attribute 'GMODataStore'"):
        getattr(topgun, "GMODataStore")  # noqa: B009  (a type checker would object to the plain form)


def test_version() -> None:
    """The version in the code is the version of the package."""
    assert topgun.__version__ == version("topgun")


@pytest.mark.parametrize(
    "module",
    ["store", "ws", "auth", "client", "typedefs", "errors", "clock", "credentials", "exchange", "helpers", "testing"],
)
def test_submodules(module: str) -> None:
    """The submodules that users import by path are there."""
    assert importlib.import_module(f"topgun.{module}")


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]  # any callable


def test_client_signatures() -> None:
    """The client's methods take what users pass, under the names they use."""
    client = topgun.Client
    assert parameters(client)[:2] == ["apis", "base_url"]
    assert parameters(client.request) == ["self", "method", "url", "params", "data", "kwargs"]
    assert parameters(client.fetch) == ["self", "method", "url", "params", "data", "kwargs"]
    assert parameters(client.get) == ["self", "url", "params", "kwargs"]
    for method in (client.post, client.put, client.delete):
        assert parameters(method) == ["self", "url", "data", "kwargs"]
    connect = inspect.signature(client.ws_connect).parameters
    defaults = {
        "send_str": None,
        "send_bytes": None,
        "send_json": None,
        "hdlr_str": None,
        "hdlr_bytes": None,
        "hdlr_json": None,
        "backoff": (1.92, 60.0, 1.618, 5.0),
        "autoping": True,
        "heartbeat": 10.0,
        "auth": topgun.Auth,
    }
    for name, default in defaults.items():
        assert connect[name].default == default
        assert connect[name].kind is inspect.Parameter.KEYWORD_ONLY


def test_socket_signatures() -> None:
    """The socket classes keep the members users call."""
    app = topgun.WebSocketApp
    assert (app._BACKOFF_MIN, app._BACKOFF_MAX, app._BACKOFF_FACTOR, app._BACKOFF_INITIAL) == (1.92, 60.0, 1.618, 5.0)
    assert app._DEFAULT_BACKOFF == (1.92, 60.0, 1.618, 5.0)
    for name in ("url", "wait", "heartbeat", "ready", "close", "subscribe", "unsubscribe", "__await__"):
        assert hasattr(app, name)
    assert inspect.signature(app.heartbeat).parameters["timeout"].default == 10.0
    for name in ("send_str", "send_bytes", "send_json", "ping", "pong", "close", "closed", "close_code"):
        assert hasattr(topgun.ClientWebSocketResponse, name)
    assert parameters(topgun.WebSocketQueue.onmessage) == ["self", "msg", "ws"]


def test_store_signatures() -> None:
    """The extension surface of tables and collections keeps its names and arguments."""
    table = topgun.DataStore
    assert parameters(table) == ["name", "keys", "data"]
    assert list(table._KEYS) == []
    assert table._MAXLEN == 9999
    for name in (
        "get find wait watch wait_for _insert _update _delete _remove _clear _pop _find_with_uuid "
        "_find_and_delete _sorted _init _put _set"
    ).split():
        assert callable(getattr(table, name)), name
    assert parameters(table._sorted)[1:] == [
        "item_key",
        "item_asc_key",
        "item_desc_key",
        "sort_key",
        "query",
        "limit",
    ]
    collection = topgun.DataStoreCollection
    for name in "onmessage wait initialize _create _get _set _onmessage".split():
        assert callable(getattr(collection, name)), name
    assert parameters(collection._create) == ["self", "name", "keys", "data", "datastore_class"]
    assert list(topgun.StoreChange.__dataclass_fields__) == ["store", "operation", "source", "data"]
