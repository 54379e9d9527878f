"""Servers on 127.0.0.1, each in a process of its own: what they burn is on nobody's account.

``python -m tests.benchmarks.servers flood MESSAGES`` sends Bybit depth frames to whoever connects, as fast as they
are taken. ``python -m tests.benchmarks.servers venue`` answers ``signed``, ``unsigned`` or ``wrong`` to requests
signed as Bybit or bitFlyer ask for. Either prints its port and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .inputs import bybit_book

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEY, SECRET = "benchmark-key", "benchmark-secret"
DEPTH = 1_000
CHUNK = 64 * 1024
CLOSE = 0x88  # first byte of a close frame


@contextmanager
def server(*arguments: str) -> Iterator[int]:
    """Run one of the servers and give its port."""
    command = [sys.executable, "-m", "tests.benchmarks.servers", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


def frame(text: bytes) -> bytes:
    """Return an unmasked WebSocket text frame (RFC 6455, section 5.2)."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 1 << 16:
        return bytes((0x81, 126)) + size.to_bytes(2, "big") + text
    return bytes((0x81, 127)) + size.to_bytes(8, "big") + text


def frames(messages: int) -> list[bytes]:
    """Return the snapshot and the deltas as they go over the wire."""
    book = bybit_book(DEPTH, messages)
    return [json.dumps(message, separators=(",", ":")).encode() for message in (book.snapshot, *book.deltas)]


class Flood:
    """A WebSocket server that only sends."""

    def __init__(self, messages: int) -> None:
        self.wire = b"".join(map(frame, frames(messages)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
        exact = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
        key = next(value for name, value in exact.items() if name.lower() == "sec-websocket-key")
        assert headers["upgrade"] == "websocket"
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # RFC 6455, section 4.2.2
        accept = base64.b64encode(digest).decode()
        head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}"
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n\r\n".encode())
        try:
            for start in range(0, len(self.wire), CHUNK):
                writer.write(self.wire[start : start + CHUNK])
                await writer.drain()
            while (sent := await reader.read(CHUNK)) and sent[0] != CLOSE:
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()


def verdict(method: str, target: str, headers: dict[str, str], body: bytes) -> str:
    """Say whether a request bears the signature its venue asks for."""
    if "x-bapi-sign" in headers:
        query = target.partition("?")[2]
        text = f"{headers['x-bapi-timestamp']}{KEY}{headers.get('x-bapi-recv-window', '')}{query}".encode() + body
        given = headers["x-bapi-sign"]
    elif "access-sign" in headers:
        text = f"{headers['access-timestamp']}{method}{target}".encode() + body
        given = headers["access-sign"]
    else:
        return "unsigned"
    expected = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    return "signed" if hmac.compare_digest(given, expected) else "wrong"


class Venue:
    """An HTTP server that checks signatures."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = verdict(method, target, headers, body)
                told = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(answer)}"
                writer.write(f"{told}\r\n\r\n{answer}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main(kind: str, *arguments: str) -> None:
    serve = Flood(int(arguments[0])).serve if kind == "flood" else Venue().serve
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
