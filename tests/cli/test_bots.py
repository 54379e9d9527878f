"""Finding the examples and running one as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import topgun
from topgun.cli import bots
from topgun.errors import ConfigError

BOT = """
import os, topgun
async def main():
    async with topgun.Client() as client:
        topgun.bitFlyerDataStore(heal=False)
        print(os.environ["BOT_COLOUR"], os.getcwd(), __name__)
"""


def test_an_example_is_found_in_a_checkout() -> None:
    """An example is the file of that name in the folder of examples."""
    assert bots.example("bitflyer_book") == Path(__file__).parents[2] / "examples" / "bitflyer_book.py"


def test_an_example_is_found_in_an_installed_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Installed, the examples lie inside the package."""
    package = tmp_path / "site-packages" / "topgun"
    (package / "examples").mkdir(parents=True)
    (package / "examples" / "some_bot.py").touch()
    monkeypatch.setattr(bots, "_PACKAGE", package)
    assert bots.example("some_bot") == package / "examples" / "some_bot.py"


def test_an_unknown_example_is_refused() -> None:
    """The name of the missing file is in the error."""
    with pytest.raises(ConfigError, match=r"there is no example fly\.py"):
        bots.example("fly")


async def test_a_bot_runs_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bot runs in the given folder and environment, both put back after it, and its clients are collected."""
    path, before = tmp_path / "bot.py", (Path.cwd(), dict(os.environ), topgun.Client)
    path.write_text(BOT)
    with bots.clients_made() as clients, bots.stores_made() as stores:
        await bots.run(path, tmp_path, {"BOT_COLOUR": "blue"})
    assert capsys.readouterr().out == f"blue {tmp_path} topgun.example\n"
    assert [client.closed for client in clients] == [True]
    assert [type(store) for store in stores] == [topgun.bitFlyerDataStore]
    assert (Path.cwd(), dict(os.environ), topgun.Client) == before
