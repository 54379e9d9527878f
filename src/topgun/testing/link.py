"""`Link`: one WebSocket, seen from the exchange's end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

    from .script import Fault, Faults

__all__ = ["Link"]


class Link:
    """One WebSocket that a client opened, and what became of it.

    Attributes:
        number: 1 for the first socket of this fake exchange.
        host: The host that the client meant.
        path: The path that it asked for.
        query: The query of the handshake.
        headers: The headers of the handshake.
        open: False once the connection has ended.
        received: Every frame of the client, in order.
        api: Whose account is logged in; ``None`` before the login.
        topics: What it subscribed to; kept by the venue.
        encode: Set by a venue whose frames are not JSON as it stands (compressed, for instance): turns the text of a
            message into the frame, ``bytes`` for a binary one.
    """

    def __init__(self, number: int, url: URL, request: web.BaseRequest | None, faults: Faults) -> None:
        self.number = number
        self.host, self.path, self.query = url.host or "", url.path, dict(url.query)
        self.headers: Mapping[str, str] = {} if request is None else request.headers
        self.open = False
        self.received: list[str | bytes] = []
        self.api: str | None = None
        self.topics: dict[str, Any] = {}
        self.encode: Callable[[str], str | bytes] | None = None
        self._request = request
        self._faults = faults
        self._suffered: list[Fault] = []
        self._late: dict[str, list[str]] = {}
        self._queue: asyncio.Queue[str | int] = asyncio.Queue()
        self._ws = web.WebSocketResponse(timeout=0.2)

    def __repr__(self) -> str:
        return f"<Link {self.number} {self.host}{self.path} {'open' if self.open else 'closed'}>"

    # --- for venues ---

    def send(self, message: Any, *, topic: str = "", update: bool = False, event: bool = False) -> None:
        """Send a message, unless a fault spoils it.

        Args:
            message: Sent as JSON.
            topic: What it belongs to; empty for an answer.
            update: It changes the book that earlier messages of the topic told; any fault of messages may strike it.
            event: It stands for itself, as a trade does; only faults that name its topic strike it.
        """
        if self._suffers("half_open", topic) or (topic and self._suffers("silence", topic)):
            return
        text = json.dumps(message, ensure_ascii=False)
        for ready in self._spoiled(text, message, topic, named=event) if update or event else [text]:
            self._queue.put_nowait(ready)

    def login_answer(self) -> Literal["honest", "refuse", "silent"]:
        """Tell how to answer the login that has just arrived."""
        fault = self._faults.take("login", self.host, self.path)
        answer: Literal["honest", "refuse", "silent"] = fault.value["answer"] if fault else "honest"
        return answer

    # --- for the server ---

    async def serve(
        self, hear: Callable[[Link, str | bytes], None], greet: Callable[[Link], None]
    ) -> web.WebSocketResponse:
        """Answer the handshake and `greet`, then give `hear` every frame until the connection ends."""
        assert self._request is not None  # noqa: S101  (a link without one is not served)
        await self._ws.prepare(self._request)
        self.open = True
        sender = asyncio.create_task(self._send())
        try:
            for fault in self._faults.lasting(self.host, self.path):
                self.suffer(fault)
            greet(self)
            async for frame in self._ws:
                if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY) and not self._suffers("half_open"):
                    self.received.append(frame.data)
                    hear(self, frame.data)
        finally:
            self.open = False
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return self._ws

    def suffer(self, fault: Fault) -> None:
        """Let a fault of sockets happen to this one."""
        fault.used += 1
        if fault.kind == "drop":
            self.abort()
        elif fault.kind == "close":
            self._queue.put_nowait(fault.value["code"])
        else:
            self._suffered.append(fault)
            transport = self._transport
            if fault.kind == "half_open" and transport is not None:
                transport.pause_reading()
                fault.on_lift.append(transport.resume_reading)

    def abort(self) -> None:
        """Cut the TCP connection."""
        if self._transport is not None:
            self._transport.abort()

    def drain(self) -> list[str | bytes]:
        """Return the frames that wait to be sent, and send them nowhere: for a link without a socket."""
        frames: list[str | bytes] = []
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if not isinstance(item, int):
                frames.append(item if self.encode is None else self.encode(item))
        return frames

    # --- inside ---

    @property
    def _transport(self) -> asyncio.Transport | None:
        return None if self._request is None else self._request.transport

    async def _send(self) -> None:
        with suppress(ConnectionError):
            while True:
                item = await self._queue.get()
                frame = item if isinstance(item, int) or self.encode is None else self.encode(item)
                if isinstance(frame, int):
                    await self._ws.close(code=frame)
                elif isinstance(frame, bytes):
                    await self._ws.send_bytes(frame)
                else:
                    await self._ws.send_str(frame)

    def _suffers(self, kind: str, topic: str = "") -> bool:
        return any(fault.kind == kind and fault.concerns(self.host, self.path, topic) for fault in self._suffered)

    def _spoiled(self, text: str, message: Any, topic: str, *, named: bool) -> list[str]:
        """Return what is sent instead of an update or an event."""
        late = self._late.pop(topic, [])

        def strikes(kind: str) -> Fault | None:
            return self._faults.take(kind, self.host, self.path, topic, named=named)

        if strikes("gap"):
            return late
        if (broken := self._broken(text, message, topic, named=named)) is not None:
            return [broken, *late]
        if strikes("duplicate"):
            return [text, text, *late]
        if not late and strikes("reorder"):
            self._late[topic] = [text]
            return []
        return [text, *late]

    def _broken(self, text: str, message: Any, topic: str, *, named: bool) -> str | None:
        """Return what a fault leaves of a message; ``None`` if there is no such fault, or nothing for it to break."""
        where = (self.host, self.path, topic)
        fault = self._faults.find("corrupt", *where, named=named)
        if fault is None:
            return None
        broken = json.dumps(damaged(message), ensure_ascii=False) if fault.value["row"] else text[: len(text) // 2]
        if broken == text:
            return None
        self._faults.take("corrupt", *where, named=named)
        return broken


def damaged(message: Any) -> Any:
    """Return a copy of a message in which the first row of its first list that holds any has lost its values."""
    done = False

    def visit(value: Any) -> Any:
        nonlocal done
        if isinstance(value, list) and value and isinstance(value[0], dict | list) and not done:
            done = True
            first = value[0]
            row = dict.fromkeys(first) if isinstance(first, dict) else [None] * len(first)
            return [row, *value[1:]]
        if isinstance(value, list):
            return [visit(each) for each in value]
        if isinstance(value, dict):
            return {key: visit(each) for key, each in value.items()}
        return value

    return visit(message)
