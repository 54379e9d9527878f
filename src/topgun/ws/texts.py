"""What may be said of a socket in a log line or an error: no query, no key, no signature, no token."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..credentials import Credential

__all__ = ["describe", "line_of", "masked", "place", "secrets_of"]

_SECRET_NAMES = ("key", "secret", "phrase", "password", "token", "sign", "signature", "sig")
# A segment of a path that is a key: some venues have the token of a private stream there. It is long, or follows
# "/private/v1".
_PATH_TOKEN = re.compile(r"(?<![:/])/((?<=/private/v\d/)[^\s/?#'\"]+|[\w=~-]{20,})(?=[\s/?#'\"]|$)")
# What a signature or a token looks like, whatever field a reply quotes it in: long, and no word of any language.
_NO_WORD = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}|(?=[A-Za-z_=~-]*[0-9])[A-Za-z0-9_=~-]{24,}")
_MASK = "***"
_SHORTEST_SECRET = 6  # blotting out every "a" of a reply because a test's key is "a" would help nobody


def place(url: str | URL) -> str:
    """Return `url` without user, query, fragment and tokens in the path, also when it is not a URL at all."""
    try:
        bare = str(URL(url).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        bare = re.split(r"[?#]", str(url))[0]
    return _PATH_TOKEN.sub(f"/{_MASK}", bare)


def describe(error: BaseException) -> str:
    """Return the kind and text of `error` without the query of any URL in it, and without tokens."""
    kind = type(error).__name__
    if isinstance(error, aiohttp.ClientResponseError):  # its own text holds the whole URL
        return f"{kind}: HTTP {error.status}"
    text = _PATH_TOKEN.sub(f"/{_MASK}", re.sub(r"[?][^ ]*", "?" + _MASK, str(error)))
    return f"{kind}: {_NO_WORD.sub(_MASK, text)}"


def line_of(error: BaseException) -> str:
    """Return the file and line that raised `error`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"


def secrets_of(url: URL, credential: Credential | None) -> list[str]:
    """Return the texts that must not be seen of a connection: items of its credential, tokens in its URL."""
    found = [value for name, value in url.query.items() if _is_secret(name)]
    found += [url.password or "", *_PATH_TOKEN.findall(url.path)]
    if credential is not None:
        found += [credential.key, credential.secret.decode(errors="replace"), credential.passphrase]
    return sorted({each for each in found if len(each) >= _SHORTEST_SECRET}, key=len, reverse=True)


def masked(value: Any, secrets: Iterable[str]) -> Any:
    """Return a copy of something decoded in which secrets are replaced by ``***``.

    Args:
        value: What an exchange answered, or a text.
        secrets: They are masked wherever they occur, the longest first; besides them the fields named like secrets,
            and whatever looks like a signature or a token.
    """
    if isinstance(value, dict):
        return {
            masked(name, secrets): _MASK if _is_secret(name) else masked(each, secrets) for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(each, secrets) for each in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, _MASK)
        return _NO_WORD.sub(_MASK, value)
    return value


def _is_secret(name: object) -> bool:
    """Tell whether a field is named like a secret: ``apiKey``, ``OK-ACCESS-SIGN``, ``listen_key``..."""
    return re.sub(r"[^a-z]", "", str(name).lower()).endswith(_SECRET_NAMES)
