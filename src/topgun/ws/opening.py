"""`Opening`: what each connection goes through until it is open. Login, then the remembered messages."""

from __future__ import annotations

import logging
from enum import Enum
from typing import TYPE_CHECKING, Any

import aiohttp

from ..clock import within
from ..errors import LoginError, LoginRefused, LoginTimeout
from ..waiters import Waiters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..clock import Clock
    from ..exchange import Login
    from .connection import Connection
    from .messages import Messages

__all__ = ["Opening", "State"]

logger = logging.getLogger("topgun.ws")


class State(Enum):
    """Where a `WebSocketApp` is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LOGIN = "login"
    SUBSCRIBING = "subscribing"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


class Opening:
    """Opens one connection of an app after the other.

    Args:
        messages: What is sent on every connection.
        clock: The client's clock.
        login_timeout: Seconds an exchange has to answer the login.
        enter: Called with each state that is reached.

    Attributes:
        login_error: Why the last login failed, ``None`` if it did not.
        ready: Who waits for a connection to be open.
    """

    def __init__(self, messages: Messages, clock: Clock, login_timeout: float, enter: Callable[[State], None]) -> None:
        self.login_error: LoginError | None = None
        self.ready = Waiters()
        self._messages = messages
        self._clock = clock
        self._login_timeout = login_timeout
        self._enter = enter

    async def run(self, connection: Connection) -> None:
        """Log `connection` in and send it the messages; tell those who wait how it went."""
        self.login_error = None
        try:
            greet, login = connection.host.greet, connection.host.login
            # Before the first await: the reader must not come to the greeting first.
            greeting = None if greet is None else greet(connection)
            if greeting is not None or login is not None:
                self._enter(State.LOGIN)
                await self._log_in(connection, greeting, login)
            async with self._messages.lock:
                self._enter(State.SUBSCRIBING)
                for message in self._messages:
                    await message.send(connection.ws, message.data)
                if self.login_error is None:
                    connection.settle()
                self._enter(State.OPEN)
        except LoginError as error:
            self.login_error = error
            logger.error("%s: %s", connection.place, error)  # noqa: TRY400  (a traceback would say nothing more)
            connection.drop("not logged in")
            self.ready.release(error)
        except (ConnectionError, aiohttp.ClientError):
            raise  # the socket ended: the next one may do better
        except Exception as error:
            self.ready.release(error)
            raise
        else:
            self.ready.release()

    async def _log_in(self, connection: Connection, greeting: Awaitable[Any] | None, login: Login | None) -> None:
        """Log in; a refusal is kept and told, everything else that goes wrong is raised."""
        try:
            failure = await within(self._clock, self._login_timeout, self._outcome(connection, greeting, login))
        except TimeoutError:
            failure = LoginTimeout(self._login_timeout)
        if isinstance(failure, LoginRefused):
            self.login_error = failure
            logger.error("%s: %s", connection.place, failure)
        elif failure is not None:
            raise failure

    async def _outcome(
        self, connection: Connection, greeting: Awaitable[Any] | None, login: Login | None
    ) -> Exception | None:
        """Log in, and return what went wrong. Nothing is raised, and nothing returned, that may quote a secret."""
        try:
            if greeting is not None:
                await greeting
            if login is not None:
                await connection.turn.take()
                await login(connection)
        except LoginRefused as error:
            return LoginRefused(connection.masked(error.reply))
        except (ConnectionError, aiohttp.ClientError) as error:
            return error
        except Exception as error:  # noqa: BLE001  (whatever it is)
            return LoginError(f"login failed: {connection.tell(error)}")
        finally:
            connection.turn.give()
        return None
