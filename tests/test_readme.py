"""The two READMEs: their code runs, their table is true, their links lead somewhere, and they say the same."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

import topgun
from topgun.testing import FakeExchange

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "README.ja.md")
# how the tables spell the state of an exchange
DONE = {"done", "対応済み"}
PLANNED = {"planned", "予定"}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL)


def exchanges(page: str) -> dict[str, str]:
    rows = re.findall(r"^\| ([A-Za-z ]+) \| (\S+) \|$", read(page), re.MULTILINE)
    return {name.replace(" ", "").lower(): state for name, state in rows if state in DONE | PLANNED}


@pytest.mark.parametrize("page", PAGES)
def test_the_table_agrees_with_what_is_there(page: str) -> None:
    """An exchange is called done exactly when topgun has it; fifteen are named in all."""
    table = exchanges(page)
    assert {name for name, state in table.items() if state in DONE} == {each.name for each in topgun.EXCHANGES}
    assert len(table) == 15


@pytest.mark.parametrize("page", PAGES)
def test_links_within_the_repository_lead_somewhere(page: str) -> None:
    """Every relative link of a README points to a file or folder that exists."""
    targets = re.findall(r"\]\(([^)#]+)\)", read(page))
    missing = [each for each in targets if "://" not in each and not (ROOT / each).exists()]
    assert targets
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_readme_exist(page: str) -> None:
    """Every script that a README tells to run is there and executable."""
    scripts = set(re.findall(r"^\$ (scripts/\w+)", read(page), re.MULTILINE))
    assert scripts == {"scripts/demo", "scripts/test"}
    assert all((ROOT / script).stat().st_mode & 0o111 for script in scripts)


def test_both_languages_show_the_same() -> None:
    """The Japanese page has the sections, the table and (apart from words for people) the code of the English one."""
    english, japanese = PAGES
    assert read(english).count("\n## ") == read(japanese).count("\n## ")
    assert {name: state in DONE for name, state in exchanges(english).items()} == {
        name: state in DONE for name, state in exchanges(japanese).items()
    }
    words = re.compile(r'\s*#.*$|"[^"{}\n]*[^\x00-\x7f][^"\n]*"|"(?:best ask|best bid|sent)"', re.MULTILINE)
    plain = [[words.sub("", code) for code in fences(page, "python")] for page in PAGES]
    assert plain[0] == plain[1]


@pytest.mark.parametrize("page", PAGES)
async def test_the_bot_of_the_readme_works(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot in thirty lines logs in, sends an order that rests, cancels it and ends."""
    bot, import_line = fences(page, "python")
    assert len(bot.split("\n\n\n")[1].splitlines()) <= 30
    monkeypatch.chdir(tmp_path)
    given: list[Any] = []
    monkeypatch.setattr("asyncio.run", given.append)
    async with FakeExchange("bitflyer") as fake:
        (tmp_path / "apis.json").write_text(json.dumps(fake.apis), encoding="utf-8")
        exec(compile(bot, page, "exec"), {"__name__": "__main__"})
        await asyncio.wait_for(given[0], 15)
        assert all(request.verified for request in fake.requests)
    said = capsys.readouterr().out.split()
    assert [word for word in said if word in ("insert", "update", "delete")] == ["insert", "delete"]
    exec(import_line, namespace := {})
    assert namespace["pybotters"] is topgun
