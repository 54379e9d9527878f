"""`Script`: what goes wrong, where and how often; the commands a test or a demo gives to a fake exchange."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .link import Link

__all__ = ["Fault", "Faults", "Script"]


@dataclass(eq=False, slots=True)
class Fault:
    """A fault that is, or will be, in effect; what every command returns.

    Attributes:
        kind: The command it comes from.
        host: Where it applies: names that begin so (``*`` and ``?`` are allowed); the same for `path` and `topic`.
        left: How many times it still applies; ``None`` = until `lift`.
        value: What the command was given.
        used: How many times it applied so far.
    """

    kind: str
    host: str = ""
    path: str = ""
    topic: str = ""
    left: int | None = 1
    value: dict[str, Any] = field(default_factory=dict)
    used: int = 0
    lasting: bool = False
    on_lift: list[Callable[[], object]] = field(default_factory=list, repr=False)

    def lift(self) -> None:
        """End it."""
        self.left = 0
        for undo in self.on_lift:
            undo()

    def concerns(self, host: str, path: str, topic: str = "") -> bool:
        """Tell whether it applies there, now."""
        wanted = ((self.host, host), (self.path, path), (self.topic, topic))
        return self.left != 0 and all(fnmatchcase(name, f"{pattern}*") for pattern, name in wanted)


class Faults:
    """The faults of one fake exchange."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault into effect and return it."""
        self._faults.append(fault)
        return fault

    def find(self, kind: str, host: str, path: str, topic: str = "", *, named: bool = False) -> Fault | None:
        """Return the oldest fault of that kind that applies there; with `named` only one that names a topic."""
        self._faults = [fault for fault in self._faults if fault.left != 0]
        fitting = (each for each in self._faults if each.kind == kind and each.concerns(host, path, topic))
        return next((each for each in fitting if each.topic or not named), None)

    def take(self, kind: str, host: str, path: str, topic: str = "", *, named: bool = False) -> Fault | None:
        """Return what `find` does, and count that it applied."""
        fault = self.find(kind, host, path, topic, named=named)
        if fault is not None:
            fault.used += 1
            if fault.left is not None:
                fault.left -= 1
        return fault

    def lasting(self, host: str, path: str) -> list[Fault]:
        """Return the faults that a new socket there suffers from."""
        return [each for each in self._faults if each.lasting and each.concerns(host, path, each.topic)]

    def lift(self) -> None:
        """End every fault."""
        for fault in self._faults:
            fault.lift()
        self._faults.clear()


class Script(ABC):
    """The commands: each puts a fault into effect at once and returns it.

    Every command can be confined with ``host=`` and ``path=`` (those to streams also with ``topic=``): names that
    begin so. ``times`` says how often it happens, ``None`` = until ``lift()``. Commands to open sockets (`drop`,
    `close`, `half_open`, `silence`) act on those that are open; with ``lasting=True`` on every later one too.
    Commands to messages (`gap`, `duplicate`, `reorder`, `corrupt`) strike changes of books; with a topic also other
    streams such as trades and order events. They strike neither answers nor the snapshot that a topic begins with.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.skew = 0.0

    @abstractmethod
    def links(self) -> Sequence[Link]:
        """Return the open sockets."""

    # --- sockets that are open ---

    def drop(self, *, host: str = "", path: str = "", lasting: bool = False) -> Fault:
        """Cut the TCP connection under sockets, without a goodbye."""
        return self._upon(Fault("drop", host, path), lasting=lasting)

    def close(self, code: int = 1000, *, host: str = "", path: str = "", lasting: bool = False) -> Fault:
        """Close sockets properly, with a WebSocket close code."""
        return self._upon(Fault("close", host, path, value={"code": code}), lasting=lasting)

    def half_open(self, *, host: str = "", path: str = "", lasting: bool = False) -> Fault:
        """Stop reading and answering, pings too, while the TCP connection stays up."""
        return self._upon(Fault("half_open", host, path), lasting=lasting)

    def silence(self, *, host: str = "", path: str = "", topic: str = "", lasting: bool = False) -> Fault:
        """Send no more data, while pings and requests are answered."""
        return self._upon(Fault("silence", host, path, topic), lasting=lasting)

    # --- messages ---

    def gap(self, topic: str = "", *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Leave out the next update of a topic."""
        return self.faults.add(Fault("gap", host, path, topic, times))

    def duplicate(self, topic: str = "", *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Send the next update of a topic twice."""
        return self.faults.add(Fault("duplicate", host, path, topic, times))

    def reorder(self, topic: str = "", *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Send the next update of a topic after the one that follows it."""
        return self.faults.add(Fault("reorder", host, path, topic, times))

    def corrupt(
        self, topic: str = "", *, row: bool = False, host: str = "", path: str = "", times: int | None = 1
    ) -> Fault:
        """Break the next update of a topic: half of its JSON, or (`row`) null for the values of its first row.

        With `row`, updates that hold no row are left alone.
        """
        return self.faults.add(Fault("corrupt", host, path, topic, times, {"row": row}))

    # --- logins and handshakes ---

    def refuse_login(self, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Say no to the next login, whatever its signature."""
        return self.faults.add(Fault("login", host, path, left=times, value={"answer": "refuse"}))

    def silent_login(self, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Do not answer the next login."""
        return self.faults.add(Fault("login", host, path, left=times, value={"answer": "silent"}))

    def refuse_handshake(self, status: int = 503, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Answer the next WebSocket handshake with an HTTP status."""
        return self.faults.add(Fault("handshake", host, path, left=times, value={"status": status}))

    # --- requests ---

    def fail_request(
        self,
        status: int = 429,
        *,
        retry_after: float | None = None,
        body: str = "",
        host: str = "",
        path: str = "",
        times: int | None = 1,
    ) -> Fault:
        """Answer the next HTTP request with a status and nothing else; it is not executed.

        Args:
            status: The HTTP status.
            retry_after: For a ``Retry-After`` header, in s.
            body: The body.
            host: See `Script`.
            path: See `Script`.
            times: See `Script`.
        """
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        value = {"status": status, "headers": headers, "body": body}
        return self.faults.add(Fault("answer", host, path, left=times, value=value))

    def redirect(self, to: str, status: int = 302, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Answer the next HTTP request with a redirect; it is not executed. The fake answers on the new host too."""
        value = {"status": status, "headers": {"Location": to}, "body": ""}
        return self.faults.add(Fault("answer", host, path, left=times, value=value))

    def lose_reply(self, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Execute the next HTTP request, then cut the connection instead of answering."""
        return self.faults.add(Fault("lose_reply", host, path, left=times))

    def slow_reply(self, seconds: float, *, host: str = "", path: str = "", times: int | None = 1) -> Fault:
        """Execute the next HTTP request, then wait by the fake's clock before answering."""
        return self.faults.add(Fault("slow_reply", host, path, left=times, value={"seconds": seconds}))

    def clock_skew(self, seconds: float) -> None:
        """Set the exchange's clock forward (or back) against the clock of the bot; 0 = right again."""
        self.skew = seconds

    def lift(self) -> None:
        """End every fault and set the exchange's clock right."""
        self.faults.lift()
        self.skew = 0.0

    def _upon(self, fault: Fault, *, lasting: bool) -> Fault:
        fault.left, fault.lasting = None, lasting
        self.faults.add(fault)
        for link in self.links():
            if fault.concerns(link.host, link.path, fault.topic):
                link.suffer(fault)
        return fault
