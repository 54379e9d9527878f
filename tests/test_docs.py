"""The pages under ``docs``: their programs run, their links lead somewhere, and what they list is what is there."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import topgun
from tests.test_architecture import ALLOWED
from topgun.exchanges import REGISTRY
from topgun.testing import FakeExchange
from topgun.testing.venues import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Coroutine

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LIMIT = 20.0  # s a program of a page may take
APIS = {name: [f"YOUR_API_{part.upper()}" for part in parts] for name, parts in REGISTRY.shapes.items()}  # as in pages
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")  # the first line of a program that is to be saved under that name
LANGUAGES = {"python", "py-fragment", "text", "json", "console", "toml", "{toctree}", "{eval-rst}"}


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def fences(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Return language and text of each fence."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(language, code) for language, code in found if not languages or language in languages]


def section(page: Path, title: str) -> str:
    """Return what stands under a heading of the second level."""
    return re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[titles(page).index(title) + 1]


def titles(page: Path) -> list[str]:
    return re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def file_of(code: str) -> str:
    """Return the name that a program is to be saved under, empty if it has none."""
    named = FILE.match(code)
    return named[1] if named else ""


def programs(*, tests: bool) -> list[Any]:
    """Return the programs of all pages: those for pytest, or the others."""
    return [
        pytest.param(page, code, id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, (_, code) in enumerate(fences(page, "python"))
        if file_of(code).startswith("test_") == tests
    ]


def save(page: Path, folder: Path) -> set[str]:
    """Write what a page asks to save, and the keys that its programs use; return the names of the programs."""
    (folder / "apis.json").write_text(json.dumps(APIS), encoding="utf-8")
    named = {file_of(code): code for _, code in fences(page, "python") if file_of(code)}
    for name, code in named.items():
        (folder / name).write_text(code, encoding="utf-8")
    for _, text in fences(page, "toml"):
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return set(named)


async def run(code: str, name: str) -> None:
    """Run a program; what it gives to ``asyncio.run`` is awaited here, so that it can be stopped."""
    given: list[Coroutine[Any, Any, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", given.append)
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    for main in given:
        await asyncio.wait_for(main, LIMIT)


@pytest.mark.parametrize(("page", "code"), programs(tests=False))
async def test_programs_run(
    page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each program of a page comes to its end against a fake of the exchange that it names, and leaves no error."""
    saved = save(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = [each.name for each in topgun.EXCHANGES]
    exchange = max(names, key=lambda name: (code.lower().count(name), name == DEFAULT))
    try:
        async with FakeExchange(exchange, pace=0.05, apis=APIS):
            await run(code, name_of(page))
    finally:
        for name in saved:  # the sibling in the other language has a file of that name, too
            sys.modules.pop(name.removesuffix(".py"), None)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(("page", "code"), programs(tests=True))
def test_programs_for_pytest_pass(page: Path, code: str, tmp_path: Path) -> None:
    """Tests that a page shows pass, with the files and the options that it shows beside them."""
    save(page, tmp_path)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", file_of(code)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    number = len(re.findall(r"^(?:async )?def test_", code, re.MULTILINE))
    assert re.search(rf"^{number} passed in ", done.stdout, re.MULTILINE), done.stdout + done.stderr


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
    words = re.compile(r"#.*$|\"\"\".*?\"\"\"|\"[^\"\n]*[^\x00-\x7f][^\"\n]*\"|print\(.*$", re.MULTILINE)
    return [words.sub("", code) for language, code in fences(page) if "py" in language or language == "toml"]


@pytest.mark.parametrize("page", JAPANESE, ids=name_of)
def test_both_languages_show_the_same(page: Path) -> None:
    """A Japanese page and its sibling link to each other and have, words apart, the same code, sections and rows."""
    english = page.with_name(page.name.replace(".ja.md", ".md"))
    assert english.exists()
    assert len(titles(page)) == len(titles(english))
    if page.parent.name != "exchanges":  # those pages show a program each
        texts = [each.read_text(encoding="utf-8") for each in (page, english)]
        assert shown(page) == shown(english)
        assert f"]({page.name})" in texts[1]
        assert f"]({english.name})" in texts[0]
        for mark in (r"^\|", r"^- ", r"^\d\. "):
            assert len({len(re.findall(mark, text, re.MULTILINE)) for text in texts}) == 1, mark


def test_the_newest_version_of_the_changelog_is_the_version() -> None:
    """The changelog begins with the version that the code says it is."""
    assert titles(DOCS / "changelog.md")[0] == topgun.__version__


def test_every_page_is_in_the_contents() -> None:
    """No page is left out of the index."""
    listed = set(re.findall(r"^([\w/.-]+)$", "\n".join(code for _, code in fences(DOCS / "index.md")), re.MULTILINE))
    assert {name_of(page).removesuffix(".md") for page in PAGES} - {"index"} == listed


# --- the pages of the exchanges ---


def hosts_in(text: str) -> set[str]:
    """Return the hosts of the URLs in a text; ``a.{b,c}`` stands for two."""
    found = set()
    for before, several, after in re.findall(r"(?:https|wss)://([\w.-]*)(?:\{([\w,]+)\})?([\w.-]*)", text):
        found |= {f"{before}{each}{after}" for each in several.split(",")}
    return found


@pytest.mark.parametrize("suffix", [".md", ".ja.md"])
@pytest.mark.parametrize("exchange", topgun.EXCHANGES, ids=lambda exchange: exchange.name)
def test_the_page_of_an_exchange_agrees_with_its_record(exchange: topgun.Exchange, suffix: str) -> None:
    """It names every host and every name in ``apis``, and each table with its keys and the requests that fill it."""
    page = DOCS / "exchanges" / f"{exchange.name}{suffix}"
    text = page.read_text(encoding="utf-8")
    hosts = section(page, titles(page)[0])
    assert hosts_in("".join(re.findall(r"^\|.*", hosts, re.MULTILINE))) == set(exchange.hosts)
    [(_, code)] = FENCE.findall(hosts)
    assert re.findall(r'"(\w+)": \[', code) == list(exchange.apis or (exchange.name,))
    rows = {row[1]: row[0] for row in re.findall(r"^(\| `(\w+)` .*)$", text, re.MULTILINE)}
    for collection in exchange.stores:
        topics = {name: topic for name, topic in vars(collection).items() if isinstance(topic, topgun.Topic)}
        assert [name for name in topics if f"`{name}`" not in text] == []
        for name, topic in topics.items():
            if name not in rows:  # one that the exchange has ended
                continue
            told = set(re.findall(r"`([^`]+)`", rows.pop(name)))
            paths = {path for path, table in collection._RESPONSES.items() if topic.name in named(table)}
            assert told >= {*topic.table._KEYS, *paths}, name
            assert {each for each in told if each.startswith("/")} == paths, name
    assert rows == {}


def named(tables: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the tables that a response fills."""
    return (tables,) if isinstance(tables, str) else tables


# --- the reference ---

PUBLIC = (
    "topgun",
    *(
        f"topgun.{name}"
        for name in (
            "errors exchange helpers.bitbank helpers.gmocoin helpers.hyperliquid store typedefs testing testing.plugin"
        ).split()
    ),
)
BESIDES = [  # of modules that hold other things too, which the parts of the client share
    "topgun.clock.Clock",
    "topgun.clock.Instant",
    "topgun.clock.SystemClock",
    "topgun.credentials.Credential",
    "topgun.ws.State",
]


def resolved(path: str) -> Any:
    """Return the object that a dotted name stands for."""
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


def test_every_public_name_is_in_the_reference() -> None:
    """The reference has one entry for each public name, under whichever of its names, and none for any other."""
    page = "\n".join(code for _, code in fences(DOCS / "reference" / "index.md", "{eval-rst}"))
    paths = re.findall(r"^\.\. (?:auto(?!module)|py:)\w+:: ([\w.]+)", page, re.MULTILINE)
    entries = {path: resolved(path) for path in paths}
    names = [f"{module}.{name}" for module in PUBLIC for name in importlib.import_module(module).__all__]
    public = {name: resolved(name) for name in [*names, *BESIDES]}

    def without(those: dict[str, Any], others: dict[str, Any]) -> list[str]:
        return [name for name, it in those.items() if not any(it is other for other in others.values())]

    assert without(public, entries) == ["topgun.__version__"]
    assert without(entries, public) == []
    assert len(paths) == len({id(entry) for entry in entries.values()})


# --- the architecture and the dependencies ---

ARCHITECTURE = DOCS / "explanation" / "architecture.md"


def tree(text: str) -> dict[str, str]:
    """Return the files of a tree that is drawn by indentation, each with what is said of it."""
    found: dict[str, str] = {}
    folders: list[str] = []
    for line in text.splitlines()[1:]:
        indent, name, words = re.fullmatch(r"((?:  )+)(\S+)\s+(\S.*)", line).groups()  # type: ignore[union-attr]
        folders = folders[: len(indent) // 2 - 1]
        path = "/".join([*folders, name.rstrip("/")])
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
            path += "/__init__.py"
        found[path] = words
    return found


def test_the_tree_is_the_tree() -> None:
    """The architecture page has a line for each module, in words that no other line has, and for nothing else."""
    [drawn] = FENCE.findall(section(ARCHITECTURE, "The tree"))
    lines = tree(drawn[1])
    package = ROOT / "src" / "topgun"
    assert set(lines) == {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert len(set(lines.values())) == len(lines)


def test_the_table_of_imports_is_the_one_that_is_enforced() -> None:
    """The table in the architecture page is that of ``tests/test_architecture.py``."""
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|$", section(ARCHITECTURE, "Who may import whom"), re.MULTILINE)
    names = re.compile(r"`(\w+)`")
    table = {name: set(names.findall(imports)) for modules, imports in rows for name in names.findall(modules)}
    assert table == ALLOWED


def test_every_dependency_has_a_reason() -> None:
    """Each package of ``pyproject.toml`` is in the page of dependencies, with the lowest version that is asked for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = (DOCS / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    groups = [*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()]
    wanted = [*project["project"]["dependencies"], *(each for group in groups for each in group)]
    for requirement in [*project["build-system"]["requires"], *wanted]:
        name, version = re.match(r"([\w-]+)(?:>=(\S+))?", requirement).groups()  # type: ignore[union-attr]
        said = rf"\[{name}\]\(\S+\)" + (f" ≥ {re.escape(version)} " if version else " ")
        assert name == "topgun" or re.search(said, page), requirement
