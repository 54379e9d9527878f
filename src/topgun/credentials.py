"""API keys: what they are inside topgun, and where they come from.

Values never leave this module in a text: neither a repr, nor a warning, nor an error shows one.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError

__all__ = ["Credential", "load_credentials"]

logger = logging.getLogger("topgun.client")

ENVIRONMENT_VARIABLE = "TOPGUN_APIS"


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """One entry of ``apis``.

    Its repr shows nothing: on some venues even the first item is a private key.
    """

    key: str
    secret: bytes = b""
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Credential(***)"


def load_credentials(
    apis: object, shapes: Mapping[str, Sequence[str]], environ: Mapping[str, str] | None = None
) -> dict[str, Credential]:
    """Return the usable entries of `apis` by name.

    Args:
        apis: A dict, the path of a JSON file, or ``None`` for ``./apis.json`` or else the file that the
            environment variable ``TOPGUN_APIS`` names.
        shapes: What an entry of each known name consists of, such as ``("key", "secret", "passphrase")``.
        environ: The environment; ``None`` = that of the process.

    Raises:
        ConfigError: The file is not a JSON object. The text names the file and the place, not the contents.
    """
    entries = _read(apis, os.environ if environ is None else environ)
    found = ((name, _credential(name, entry, shapes)) for name, entry in entries.items())
    return {name: credential for name, credential in found if credential is not None}


def _read(apis: object, environ: Mapping[str, str]) -> Mapping[Any, Any]:
    if isinstance(apis, Mapping):
        return apis
    if isinstance(apis, str | bytes | os.PathLike):
        return _read_path(os.fsdecode(apis))
    if apis is None:
        for place in (Path("apis.json"), Path(environ.get(ENVIRONMENT_VARIABLE, ""))):
            if _is_file(place):
                return _read_file(place)
    else:
        logger.warning("apis must be dict or str, not %s", type(apis).__name__)
    return {}


def _read_path(path: str) -> Mapping[Any, Any]:
    if _is_file(Path(path)):
        return _read_file(Path(path))
    if path.lstrip().startswith(("{", "[")):  # the keys themselves: they must not be seen in the log
        logger.warning("apis is a JSON text where the path of a file is wanted; give it as json.loads(...)")
    else:
        logger.warning("No such file or directory: %r", path)
    return {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file may have
        return False


def _read_file(path: Path) -> Mapping[Any, Any]:
    entries, reason = _decode(path)
    if reason:  # raised out here: the decoder's own error carries the document, and must not even be its context
        raise ConfigError(f"{path} {reason}")
    return entries


def _decode(path: Path) -> tuple[Mapping[Any, Any], str]:
    """Return the object in the file, or what is wrong with it."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        return {}, f"is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}"
    except UnicodeDecodeError:
        return {}, "is not UTF-8 text"
    if not isinstance(entries, dict):
        return {}, 'must hold a JSON object like {"name": [key, secret]}'
    return entries, ""


def _credential(name: object, entry: object, shapes: Mapping[str, Sequence[str]]) -> Credential | None:
    """Return the entry as a `Credential`, or say why it is left out and return ``None``."""
    if not isinstance(entry, list | tuple) or not 1 <= len(entry) <= 3:
        logger.warning("apis[%r] must be a list of 1 to 3 texts; the entry is ignored", name)
        return None
    if not all(isinstance(item, str) for item in entry):
        logger.warning("apis[%r] must hold texts only; the entry is ignored", name)
        return None
    shape = shapes.get(str(name))
    if shape is None:
        logger.warning("apis[%r] is not the name of a known exchange; it will not be used", name)
    for item, given in zip(shape or (), (*entry, "", ""), strict=False):
        if not given:
            logger.warning("Missing %s for %s; the entry is ignored", item, name)
            return None
    key, secret, passphrase = (*entry, "", "")[:3]
    return Credential(key, secret.encode(), passphrase)
