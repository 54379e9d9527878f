"""The pages under ``docs``: their programs run, their links lead somewhere, both languages show the same code."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import topgun
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Coroutine

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LIMIT = 20.0  # s a program of a page may take
APIS = {"bitflyer": ["YOUR_API_KEY", "YOUR_API_SECRET"], "bybit": ["YOUR_API_KEY", "YOUR_API_SECRET"]}  # as in pages
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"python", "py-fragment", "text", "json", "console", "toml", "{toctree}", "{eval-rst}"}


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def fences(page: Path) -> list[tuple[str, str]]:
    """Return language and text of each fence."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


PROGRAMS = [
    pytest.param(page, code, id=f"{name_of(page)}-{number}")
    for page in PAGES
    for number, code in enumerate(code for language, code in fences(page) if language == "python")
]


async def run(code: str, name: str) -> None:
    """Run a program; what it gives to ``asyncio.run`` is awaited here, so that it can be stopped."""
    given: list[Coroutine[Any, Any, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", given.append)
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    for main in given:
        await asyncio.wait_for(main, LIMIT)


@pytest.mark.parametrize(("page", "code"), PROGRAMS)
async def test_programs_run(
    page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each program of a page comes to its end against a fake of the exchange that it names, and leaves no error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apis.json").write_text(json.dumps(APIS), encoding="utf-8")
    exchange = "bybit" if "bybit" in code.lower() else "bitflyer"
    async with FakeExchange(exchange, pace=0.05, apis=APIS):
        await run(code, name_of(page))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_fences_say_what_they_are(page: Path) -> None:
    """Every fence has a known language, so that no program escapes the test above."""
    assert {language for language, _ in fences(page)} <= LANGUAGES
    marks = re.findall(r"^```", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(marks) == 2 * len(fences(page))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link points to a file that is there."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target.partition("#")[0]).exists()]
    assert missing == []


JAPANESE = [page for page in PAGES if page.name.endswith(".ja.md")]


def shown(page: Path) -> list[str]:
    """Return the code of a page without comments, docstrings and the texts that only people read."""
    words = re.compile(r"#.*$|\"\"\".*?\"\"\"|\"[^\"\n]*[^\x00-\x7f][^\"\n]*\"|print\(\".*$", re.MULTILINE)
    return [words.sub("", code) for language, code in fences(page) if "py" in language]


@pytest.mark.parametrize("page", JAPANESE, ids=name_of)
def test_both_languages_show_the_same_code(page: Path) -> None:
    """A Japanese page and its English sibling link to each other and, words for people apart, hold the same code."""
    english = page.with_name(page.name.replace(".ja.md", ".md"))
    if page.parent.name != "exchanges":  # those pages show a program each
        assert shown(page) == shown(english)
        assert f"]({page.name})" in english.read_text(encoding="utf-8")
        assert f"]({english.name})" in page.read_text(encoding="utf-8")
    assert english.exists()


def test_the_newest_version_of_the_changelog_is_the_version() -> None:
    """The changelog begins with the version that the code says it is."""
    versions = re.findall(r"^## (\S+)", (DOCS / "changelog.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == topgun.__version__


def test_every_page_is_in_the_contents() -> None:
    """No page is left out of the index."""
    listed = set(re.findall(r"^([\w/.-]+)$", "\n".join(code for _, code in fences(DOCS / "index.md")), re.MULTILINE))
    assert {name_of(page).removesuffix(".md") for page in PAGES} - {"index"} == listed


def test_every_public_name_is_in_the_reference() -> None:
    """The reference describes each name of ``topgun.__all__``."""
    reference = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    missing = [name for name in topgun.__all__ if f"topgun.{name}\n" not in reference]
    assert missing == ["__version__"]
