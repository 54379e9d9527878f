"""WebSockets that come back: `WebSocketApp`, what handlers see of a connection, and a queue as a handler."""

from __future__ import annotations

from .app import State, WebSocketApp
from .queue import WebSocketQueue
from .response import ClientWebSocketResponse
from .wiring import Wiring

__all__ = ["ClientWebSocketResponse", "State", "WebSocketApp", "WebSocketQueue", "Wiring"]
