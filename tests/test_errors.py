"""The error tree: who is what, and what the texts say."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from topgun import errors


def classes() -> list[type[Exception]]:
    return [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]


def test_every_error_is_a_topgun_error() -> None:
    """Every error can be caught as TopgunError, and is exported."""
    for each in classes():
        assert issubclass(each, errors.TopgunError)
        assert each.__name__ in errors.__all__


def test_tree_in_the_docstring_is_the_tree() -> None:
    """The tree drawn in the docstring names every error once, below its parent."""
    parents: dict[int, str] = {}
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│ ]*(?:[├└]── )?)(\w+)", line):
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            drawn[match[2]] = parents.get(depth - 1)
    tree = {each.__name__: each.__base__.__name__ for each in classes() if each is not errors.TopgunError}
    assert drawn == {"TopgunError": None, **tree}


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ConfigError("x"), ValueError),
        (errors.ClientClosed("x"), RuntimeError),
        (errors.InitializeError("https://h.example/a", {}), ValueError),
    ],
)
def test_errors_that_are_also_python_errors(error: Exception, builtin: type[Exception]) -> None:
    """What Python has a name for can be caught by it."""
    assert isinstance(error, builtin)


def test_redirect_refused_is_a_signing_error() -> None:
    """Who catches SigningError catches the refused redirect, too."""
    assert issubclass(errors.RedirectRefused, errors.SigningError)


def test_login_errors_carry_the_reply() -> None:
    """A refused login says what the exchange said; a silent one after how many seconds."""
    refused = errors.LoginRefused({"code": 1})
    assert refused.reply == {"code": 1}
    assert str(refused) == "login refused by the exchange: {'code': 1}"
    late = errors.LoginTimeout(10.0)
    assert late.reply is None
    assert str(late) == "login not answered within 10 s"
    assert errors.LoginError("odd").reply is None


def test_handshake_refused() -> None:
    """A refused handshake says where, and with which status."""
    error = errors.HandshakeRefused("wss://h.example/ws", 401)
    assert error.status == 401
    assert "wss://h.example/ws" in str(error)
    assert "401" in str(error)


def test_initialize_error() -> None:
    """A response that reports a failure is shown with its place and its data."""
    error = errors.InitializeError("https://h.example/a", {"retCode": 1})
    assert (error.url, error.data) == ("https://h.example/a", {"retCode": 1})
    assert str(error) == (
        "Response error at DataStore initialization\n  URL: https://h.example/a\n  Data: {'retCode': 1}"
    )


@pytest.mark.parametrize("error", [errors.ConfigError("x"), errors.SigningError("y"), errors.StreamClosed("z")])
def test_plain_errors_can_be_copied(error: Exception) -> None:
    """Errors that only have a text survive copying and pickling (process pools)."""
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin)) == (type(error), str(error))
