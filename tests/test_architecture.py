"""The house rules of the source tree: who may import whom, what the core may not say, what an exchange must bring."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import topgun

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "topgun"
HERE = Path(__file__).parent
FOUNDATION = {"errors", "typedefs", "clock", "credentials", "exchange", "auth", "version", "seam"}

# module (or package) -> the topgun modules it may import at run time; its own package is always allowed
ALLOWED = {
    "errors": set(),
    "typedefs": set(),
    "clock": set(),
    "version": set(),
    "auth": set(),
    "seam": set(),
    "waiters": set(),
    "credentials": {"errors", "typedefs"},
    "exchange": {"clock", "credentials", "errors", "typedefs"},
    "store": {"errors", "typedefs", "exchange", "waiters"},
    "ws": {"exchange", "clock", "credentials", "auth", "errors", "typedefs", "waiters"},
    "signing": {"exchange", "clock", "credentials", "errors"},
    "request": {"auth", "errors"},
    "sending": {"auth", "errors", "exchange", "request", "seam", "signing", "version"},
    "client": {"ws", "request", "sending", "exchanges", *FOUNDATION},
    "exchanges": {"exchange", "clock", "credentials", "store", "errors", "typedefs"},
    "helpers": {"exchanges"},
    "testing": {"client", "store", "ws", *FOUNDATION},
    "cli": {"client", "store", "ws", "testing", *FOUNDATION},
    "__main__": {"cli", "version"},
    "__init__": {"auth", "client", "exchange", "exchanges", "store", "version", "ws"},
}
MAY_NAME_EXCHANGES = ("exchanges/", "helpers/", "testing/venues/", "__init__.py", "examples/")
VENUES = (
    "bitflyer gmocoin gmo bitbank coincheck okj bittrade bybit bytick binance okx phemex bitget mexc kucoin bitmex "
    "hyperliquid"
).split()


SHARED = ("_crypto", "_pace", "_recent", "_rows", "_stream")  # what exchanges have in common
DECLARED = "readdress greet login heartbeat decode answer limit sign_message forget".split()


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imported(path: Path, *, typing_only: bool) -> set[str]:
    """Return the topgun modules that a file imports, as dotted names below ``topgun``."""
    inside = path.relative_to(PACKAGE).with_suffix("").parts[:-1]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not typing_only:
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == "topgun")
        if isinstance(node, ast.ImportFrom):
            if node.level == 0 and (node.module or "").split(".")[0] == "topgun":
                found.add(node.module or "")
            if node.level:
                base = inside[: len(inside) - node.level + 1]
                module = [*base, *((node.module or "").split(".") if node.module else [])]
                if node.module:
                    found.add(".".join(module))
                else:
                    found.update(".".join([*module, alias.name]) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_imports_follow_the_table(path: Path) -> None:
    """A module imports only what the table allows, and never ``topgun`` by its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    own = parts[0]
    allowed = ALLOWED[own]
    for module in imported(path, typing_only=False):
        assert not module.startswith("topgun"), f"{module}: inside the package imports are relative"
        top = module.split(".")[0]
        assert top == own or top in allowed, f"{name_of(path)} may not import {module}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "exchanges").glob("*/**/*.py")), ids=name_of)
def test_exchanges_do_not_know_each_other(path: Path) -> None:
    """The code of an exchange imports nothing of another exchange."""
    folder = path.relative_to(PACKAGE / "exchanges").parts[0]
    for module in imported(path, typing_only=True):
        parts = module.split(".")
        if parts[0] == "exchanges":
            assert parts[1] in {folder, *SHARED}, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "store").glob("*.py")), ids=name_of)
def test_stores_do_not_import_aiohttp(path: Path) -> None:
    """Tables work without network: no run-time import of aiohttp in the store."""
    assert not re.search(r"^(import|from) aiohttp", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "path", [path for path in sources() if not name_of(path).startswith(MAY_NAME_EXCHANGES)], ids=name_of
)
def test_core_names_no_exchange(path: Path) -> None:
    """The core does not contain the name of an exchange, not even in a comment."""
    words = set(re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower()))
    assert not words & set(VENUES)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_d32_no_private_attribute_of_a_dependency(path: Path) -> None:
    """Nothing whose name begins with one underscore is read from an object that is not topgun's own."""
    foreign = re.compile(r"\b(session|resp|response|raw|req|request|payload|connector|aiohttp|yarl)\._[a-z]")
    assert not foreign.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_d36_no_deprecated_name_of_asyncio(path: Path) -> None:
    """What Python 3.14 and 3.16 take away from asyncio is not used."""
    assert not re.search(
        r"iscoroutinefunction|get_event_loop\b|set_event_loop_policy", path.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Every module has a docstring and stays readable in one sitting."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 400


def test_every_exchange_folder_is_registered() -> None:
    """A folder under ``exchanges`` is in ``ALL``, under its own name."""
    folders = {path.parent.name for path in (PACKAGE / "exchanges").glob("*/__init__.py")}
    assert folders == {exchange.name for exchange in topgun.EXCHANGES}


@pytest.mark.parametrize("exchange", topgun.EXCHANGES, ids=lambda exchange: exchange.name)
def test_every_declaration_has_evidence(exchange: topgun.Exchange) -> None:
    """What a record declares is tested in the folder of that exchange, and written up for users."""
    tests = HERE / "exchanges" / exchange.name
    hosts = exchange.hosts.values()
    assert (tests / "SOURCES.md").is_file()
    if any(host.sign for host in hosts):
        assert list((tests / "vectors").glob("*.json")), "signing vectors"
        assert (tests / "test_rest.py").is_file()
    stream = (tests / "test_stream.py").read_text(encoding="utf-8")
    for declared in DECLARED:
        if any(getattr(host, declared) for host in hosts):
            assert declared in stream, f"test_stream.py does not mention {declared}"
    if exchange.stores:
        assert list((tests / "frames").glob("*.json")), "frames for the tables"
        stores = (tests / "test_stores.py").read_text(encoding="utf-8")
        fixtures = " ".join(path.read_text(encoding="utf-8") for path in tests.rglob("*.json"))
        for collection in exchange.stores:
            for attribute, topic in vars(collection).items():
                if isinstance(topic, topgun.Topic):
                    assert f'"{attribute}"' in fixtures or attribute in stores, f"no evidence for table {attribute}"
            for path in collection._RESPONSES:
                assert path in fixtures or path in stores, f"no response for {path}"
    for page in (f"{exchange.name}.md", f"{exchange.name}.ja.md"):
        assert (ROOT / "docs" / "exchanges" / page).is_file()


@pytest.mark.parametrize(
    "module", ["eth_account", "msgpack", "rich", "trustme", "cryptography", "sqlite3", "google.protobuf"]
)
def test_import_topgun_does_not_import(module: str) -> None:
    """``import topgun`` does not import what only one exchange, the command line or the tests need."""
    code = f"import sys, topgun; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_repository_speaks_of_topgun_alone() -> None:
    """No source, page or script holds a path of a developer's machine."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    machine = re.compile(r"/work/|\.\./shared|/tmp/tg|/root/")
    for name in listed.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ""} and path.is_file() and path != Path(__file__):
            assert not machine.search(path.read_text(encoding="utf-8")), name


DEFECTS = [*(f"d{number:02}" for number in range(1, 37)), "d09b", "d16b", "d16c"]


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_known_defect_has_a_test_that_names_it(defect: str) -> None:
    """The defects that topgun must not have (D01 to D36) are each named by a test: ``test_d07_...`` or ``D07: ...``."""
    named = re.compile(rf"def test_{defect}_|\"\"\"(?:D\w+, )*{defect.upper().replace('B', 'b').replace('C', 'c')}\b")
    assert any(named.search(path.read_text(encoding="utf-8")) for path in HERE.rglob("test_*.py"))
