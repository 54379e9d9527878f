"""The tables of what an account has: orders, positions, balances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...store import DataStore
from .._recent import Recent
from .._rows import one_or_more
from .tables import Latest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarl import URL

    from ...exchange import Requester
    from ...typedefs import Item
    from .answers import Answer


class OrderUpdates(DataStore):
    """Open orders; one that is filled, cancelled, triggered, or has ended in another way goes.

    What came to its end never comes back, however late an answer or a message arrives; a trigger order may, as the
    order that it has become. An answer of ``openOrders`` or ``frontendOpenOrders`` lists all orders of its dex.
    """

    _KEYS = ("coin", "oid")
    _MAXLEN = None

    def _init(self) -> None:
        self._ended = Recent()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = [
            {**each["order"], **{name: value for name, value in each.items() if name != "order"}}
            for each in one_or_more(msg["data"])
            if isinstance(each.get("order"), dict) and "status" in each
        ]
        rows = one_or_more(told, self._KEYS)
        self._update(row for row in rows if row["status"] == "open" and self._is_news(row))
        over = [row for row in rows if row["status"] != "open"]
        self._delete(over)
        for row in over:
            if row["status"] != "triggered":
                self._ended.note((row["coin"], row["oid"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        rows = [
            {**row, "status": "open", "statusTimestamp": row["timestamp"]} for row in one_or_more(data.body, self._KEYS)
        ]
        listed = {(row["coin"], row["oid"]) for row in rows}
        known = ((str(row["coin"]), row) for row in self.find())
        of_dex = [row for coin, row in known if (coin.partition(":")[0] if ":" in coin else "") == data.dex]
        self._delete([row for row in of_dex if (row["coin"], row["oid"]) not in listed])
        self._update(row for row in rows if (row["coin"], row["oid"]) not in self._ended)

    def _is_news(self, row: Item) -> bool:
        known = self.get(row)
        if known is not None and row.get("statusTimestamp", 0) < known.get("statusTimestamp", 0):
            return False
        return (row["coin"], row["oid"]) not in self._ended


class ActiveAssetData(Latest):
    """Leverage and how much an account may trade of a coin."""

    _KEYS = ("user", "coin")


class WebData2(Latest):
    """All about an account, as the website once had it."""

    _KEYS = ("user",)


class WebData3(DataStore):
    """About an account, as the website has it; ``user`` is taken out of ``userState``."""

    _KEYS = ("user",)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([{"user": msg["data"]["userState"]["user"], **msg["data"]}])


class Whole(DataStore):
    """What an account has; a message tells all of it, so what it does not tell is gone."""

    _MAXLEN = None

    def _told(self, scope: Mapping[str, str], rows: Sequence[Item]) -> None:
        """Let `rows`, which the stream has told, be all there are within `scope`."""
        self._cover(scope, rows)
        self._race.note(frozenset(scope.items()))

    def _answered(self, scope: Mapping[str, str], rows: Sequence[Item]) -> None:
        """Let `rows`, of a response, be all there are, unless the stream has told all since it was asked for."""
        if not any(map(self._race.overtook, (frozenset(scope.items()), frozenset({("user", scope["user"])})))):
            self._cover(scope, rows)

    def _cover(self, scope: Mapping[str, str], rows: Sequence[Item]) -> None:
        rows = one_or_more([{**scope, **row} for row in rows], self._KEYS)
        listed = {tuple(row[name] for name in self._KEYS) for row in rows}
        self._delete([row for row in self.find(scope) if tuple(row[name] for name in self._KEYS) not in listed])
        self._insert([row for row in rows if self.get(row) != row])


class OpenOrders(Whole):
    """Open orders, with their trigger conditions."""

    _KEYS = ("user", "dex", "coin", "oid")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["data"]
        self._told({"user": data["user"], "dex": data["dex"]}, one_or_more(data["orders"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> bool:
        if data.user:
            self._answered({"user": data.user, "dex": data.dex}, one_or_more(data.body))
        return bool(data.user)


class ClearinghouseState(DataStore):
    """Margin and account value in each dex."""

    _KEYS = ("user", "dex")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._update([{"user": user, "dex": dex, **state} for user, dex, state in states(msg)])

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._update([{"user": data.user, "dex": data.dex, **data.body}])


class Positions(Whole):
    """Open positions; ``szi`` below 0 is short. One that is closed goes."""

    _KEYS = ("user", "dex", "coin")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        told = list(states(msg))
        if msg["channel"] == "allDexsClearinghouseState":
            held = [{"dex": dex, **row} for _, dex, state in told for row in _held(state)]
            self._told({"user": msg["data"]["user"]}, held)
        else:
            for user, dex, state in told:
                self._told({"user": user, "dex": dex}, _held(state))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        state = data.body["clearinghouseState"] if data.kind == "webData2" else data.body
        self._answered({"user": data.user or data.body["user"], "dex": data.dex}, _held(state))


class SpotState(Whole):
    """Balances of spot."""

    _KEYS = ("user", "coin")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._told({"user": msg["data"]["user"]}, one_or_more(msg["data"]["spotState"]["balances"]))

    def _onresponse(self, data: Answer, url: URL, requester: Requester | None = None) -> None:
        self._answered({"user": data.user}, one_or_more(data.body["balances"]))


class TwapStates(Whole):
    """TWAP orders under way."""

    _KEYS = ("user", "dex", "twapId")

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["data"]
        rows = [{"twapId": number, **state} for number, state in data["states"]]
        self._told({"user": data["user"], "dex": data["dex"]}, rows)


def states(msg: Any) -> Iterator[tuple[str, str, Item]]:
    """Yield user, dex and clearinghouse state of a message that holds one or several."""
    data = msg["data"]
    if msg["channel"] == "allDexsClearinghouseState":
        yield from ((data["user"], dex, state) for dex, state in data["clearinghouseStates"])
    else:
        yield data["user"], data.get("dex", ""), data["clearinghouseState"]


def _held(state: Item) -> list[Item]:
    return [each["position"] for each in one_or_more(state["assetPositions"])]
