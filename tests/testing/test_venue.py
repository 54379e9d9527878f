"""What every fake has in common: accounts by key, requests as they came, markets in the hands of a test."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from topgun.clock import Instant
from topgun.testing import LiveMarket
from topgun.testing.venue import Request, hmac_hex

from .toy import Toy

NOW = Instant(1_700_000_000_000_000_000)


def made(links: Any = (), **options: Any) -> Toy:
    return Toy(lambda: NOW, lambda: links, **options)


def live(toy: Toy) -> LiveMarket:
    return LiveMarket(toy, "TOY")


def request(target: str, body: bytes = b"") -> Request:
    url = URL(f"https://rest.toy.test{target}", encoded=True)
    return Request("GET", url, target, CIMultiDictProxy(CIMultiDict({"X-SIGN": "the-signature"})), body)


def test_a_request_keeps_the_bytes_and_reads_them() -> None:
    """Target and body are as they came; query and JSON are read from them, and neither shows in a repr."""
    asked = request("/a?x=1&x=2&y=%2B", b'{"size": 1}')
    assert (asked.query, asked.json()) == ({"x": "2", "y": "+"}, {"size": 1})
    assert request("/a", b"no json").json() is None
    assert "the-signature" not in repr(asked)
    assert "size" not in repr(asked)


def test_hmac() -> None:
    """The second test case of RFC 4231."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_hex("Jefe", "what do ya want for nothing?") == expected
    assert hmac_hex("Jefe", b"what do ya want for nothing?") == expected


def test_accounts_are_known_by_their_keys() -> None:
    """The fake's own credentials, or those given under the same name; others are of no use here."""
    assert made().api_of("toy-key") == "toy"
    given = made(apis={"toy": ["k", "s"], "other": ["x", "y"]})
    assert given.apis == {"toy": ["k", "s"]}
    assert (given.api_of("k"), given.api_of("toy-key"), given.api_of(None)) == ("toy", None, None)


def test_links_are_those_to_its_hosts() -> None:
    """A socket to another exchange is none of its business."""
    own, foreign = SimpleNamespace(host="stream.toy.test"), SimpleNamespace(host="stream.other.test")
    assert made([own, foreign]).links() == [own]


def test_a_market_has_a_past() -> None:
    """Before anybody looks there are a book and trades, the same for the same seed."""
    toy = made(seed=2)
    assert live(toy).best_bid is not None
    assert live(toy).best_ask is not None
    assert toy.markets["TOY"].trades
    assert live(made(seed=2)).book() == live(toy).book() != live(made(seed=3)).book()


def test_moving_a_market() -> None:
    """`tick` moves the crowd, `order` and `trade` do what they say, and all of it is published."""
    toy = made()
    market, before = live(toy), toy.view.number
    market.tick(5)
    toy.tick()
    assert toy.view.number == before + 6
    market.order("buy", "0.5", 80)
    assert (Decimal(80), Decimal("0.5")) in market.book()["bids"]
    best, size = market.book(1)["asks"][0]
    market.trade("buy", size)
    assert market.best_ask is not None
    assert market.best_ask > best
    assert toy.view.sides == {"sell": market.book()["asks"], "buy": market.book()["bids"]}


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_filling_the_order_of_an_account(side: Any) -> None:
    """What is in front of it is traded first, then as much of it as asked for, then all that is left."""
    toy = made()
    market = live(toy)
    own = toy.markets["TOY"]
    best = own.best(side)
    assert best is not None
    price = best - 2 if side == "buy" else best + 2
    toy.publish(own, own.submit(NOW, "toy", side, Decimal(2), price))
    [order] = market.orders()
    market.fill("0.5")
    assert (order.left, order.state, own.best(side)) == (Decimal("1.5"), "open", price)
    market.fill(100)
    assert (order.left, order.state, market.orders()) == (0, "filled", [])
    with pytest.raises(LookupError, match="no order of an account rests in TOY"):
        market.fill()
