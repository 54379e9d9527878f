"""What may be said of a socket in a log line or an error: no query, no key, no signature."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from ..credentials import Credential

__all__ = ["describe", "masked", "place"]

_SECRET_FIELDS = frozenset(
    {"accesskey", "accesstoken", "apikey", "apisecret", "key", "listenkey", "passphrase"}
    | {"secret", "secretkey", "sig", "sign", "signature", "token"}
)
_MASK = "***"
_SHORTEST_SECRET = 6  # blotting out every "a" of a reply because a test's key is "a" would help nobody


def place(url: str | URL) -> str:
    """Return `url` without user, query and fragment, also when it is not a URL at all."""
    try:
        return str(URL(url).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return re.split(r"[?#]", str(url))[0]


def describe(error: BaseException) -> str:
    """Return the kind and text of `error` without the query of any URL in it."""
    kind = type(error).__name__
    if isinstance(error, aiohttp.ClientResponseError):  # its own text holds the whole URL
        return f"{kind}: HTTP {error.status}"
    return f"{kind}: {re.sub(r'[?][^ ]*', '?' + _MASK, str(error))}"


def masked(value: Any, credential: Credential | None) -> Any:
    """Return a copy of a decoded reply in which secrets are replaced by ``***``.

    Args:
        value: What an exchange answered.
        credential: Its items are masked wherever they occur, besides the fields named like secrets.
    """
    items: list[str] = []
    if credential is not None:
        items = [credential.key, credential.secret.decode(errors="replace"), credential.passphrase]
    return _masked(value, [item for item in items if len(item) >= _SHORTEST_SECRET])


def _masked(value: Any, items: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _MASK if _is_secret(name) else _masked(each, items) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each, items) for each in value]
    if isinstance(value, str):
        for item in items:
            value = value.replace(item, _MASK)
    return value


def _is_secret(name: object) -> bool:
    return re.sub(r"[^a-z]", "", str(name).lower()) in _SECRET_FIELDS
