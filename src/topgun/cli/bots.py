"""Where the examples lie, and how one of them is run as it is."""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ..client import Client
from ..errors import ConfigError
from ..store import DataStoreCollection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["clients_made", "example", "run", "stores_made"]

_PACKAGE = Path(__file__).parents[1]


def example(name: str) -> Path:
    """Return the file of the example `name`.

    Raises:
        ConfigError: There is no such example.
    """
    # Installed, the examples lie in the package; in a checkout they lie beside src.
    for folder in (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples"):
        path = folder / f"{name}.py"
        if path.is_file():
            return path
    raise ConfigError(f"there is no example {name}.py")


@contextmanager
def clients_made() -> Iterator[list[Client]]:
    """Collect the clients that are made with ``topgun.Client(...)`` inside the ``with``."""
    made: list[Client] = []

    class Seen(Client):
        """A client, and its entry in the list."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    with patch.object(sys.modules[__name__.split(".", maxsplit=1)[0]], "Client", Seen):
        yield made


@contextmanager
def stores_made() -> Iterator[list[DataStoreCollection]]:
    """Collect the stores that are made inside the ``with``, also those that no socket feeds."""
    made: list[DataStoreCollection] = []
    init = DataStoreCollection.__init__

    def seen(store: DataStoreCollection, **options: Any) -> None:
        init(store, **options)
        made.append(store)

    with patch.object(DataStoreCollection, "__init__", seen):
        yield made


async def run(path: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Run the ``main()`` of a bot's file.

    Args:
        path: The file; it is executed as it is.
        folder: The working directory meanwhile, so that an ``apis.json`` of the caller is neither found nor used.
        environment: Added to the environment variables meanwhile.
    """
    with chdir(folder), patch.dict(os.environ, environment):
        await runpy.run_path(str(path), run_name="topgun.example")["main"]()
