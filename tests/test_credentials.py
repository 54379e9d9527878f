"""Where API keys come from, what is usable, and that no text shows one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from topgun.credentials import Credential, load_credentials
from topgun.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = {"two": ("key", "secret"), "three": ("key", "secret", "passphrase"), "one": ("private key",)}
TWO = {"two": ["k-value", "s-value"]}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_dict() -> None:
    """A dict is taken item by item; the secret is bytes."""
    apis = {"two": ["k", "s"], "three": ["k", "sé", "p"], "one": ["0x1"]}
    assert load_credentials(apis, SHAPES, {}) == {
        "two": Credential("k", b"s", ""),
        "three": Credential("k", "sé".encode(), "p"),
        "one": Credential("0x1", b"", ""),
    }


def test_tuples_and_spare_items_are_taken() -> None:
    """Tuples do as well, and an item more than the venue needs is kept."""
    assert load_credentials({"two": ("k", "s", "p")}, SHAPES, {}) == {"two": Credential("k", b"s", "p")}


def test_empty_dict_counts_as_given(tmp_path: Path) -> None:
    """With ``{}`` neither the file nor the environment is looked at."""
    path = write(tmp_path / "apis.json", TWO)
    assert load_credentials({}, SHAPES, {"TOPGUN_APIS": str(path)}) == {}


@pytest.mark.parametrize("kind", [str, bytes, lambda path: path])
def test_path(tmp_path: Path, kind: Any) -> None:
    """A path may be text, bytes or path-like."""
    path = write(tmp_path / "keys-é.json", TWO)
    assert load_credentials(kind(path), SHAPES, {})["two"].key == "k-value"


def test_missing_file(caplog: pytest.LogCaptureFixture) -> None:
    """A path that is no file is a warning, and there are no credentials."""
    assert load_credentials("nowhere.json", SHAPES, {}) == {}
    assert messages(caplog) == ["No such file or directory: 'nowhere.json'"]


@pytest.mark.parametrize("text", ['{"two": ["k-value", "s-value"]}', ' {"two": ["k-value", "' + "s-value" * 100, "[1]"])
def test_keys_in_place_of_a_path(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """A JSON text given as a path is a warning that does not show it, however long it is."""
    assert load_credentials(text, SHAPES, {}) == {}
    assert messages(caplog) == ["apis is a JSON text where the path of a file is wanted; give it as json.loads(...)"]


def test_path_longer_than_any_file_may_have(caplog: pytest.LogCaptureFixture) -> None:
    """A path that the system refuses is a path without a file."""
    assert load_credentials("x" * 5_000, SHAPES, {"TOPGUN_APIS": "x" * 5_000}) == {}
    assert load_credentials(None, SHAPES, {"TOPGUN_APIS": "x" * 5_000}) == {}
    assert len(messages(caplog)) == 1


def test_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    """A file that an editor of Windows wrote can be read."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(TWO), encoding="utf-8-sig")
    assert load_credentials(path, SHAPES, {})["two"].key == "k-value"


def test_order_of_the_defaults(tmp_path: Path) -> None:
    """Without argument ``./apis.json`` wins over the environment variable."""
    other = write(tmp_path / "other.json", {"two": ["env", "s"]})
    environ = {"TOPGUN_APIS": str(other)}
    assert load_credentials(None, SHAPES, environ)["two"].key == "env"
    write(tmp_path / "apis.json", {"two": ["cwd", "s"]})
    assert load_credentials(None, SHAPES, environ)["two"].key == "cwd"


def test_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is read from the process unless another environment is given."""
    monkeypatch.setenv("TOPGUN_APIS", str(write(tmp_path / "other.json", TWO)))
    assert load_credentials(None, SHAPES)["two"].key == "k-value"
    assert load_credentials(None, SHAPES, {}) == {}


@pytest.mark.parametrize("environ", [{}, {"TOPGUN_APIS": ""}, {"TOPGUN_APIS": "nowhere.json"}])
def test_nothing_anywhere(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Without any file there are no credentials, silently."""
    assert load_credentials(None, SHAPES, environ) == {}
    assert messages(caplog) == []


@pytest.mark.parametrize("apis", [1, 1.5, [("two", ["k", "s"])]])
def test_other_types(apis: object, caplog: pytest.LogCaptureFixture) -> None:
    """Anything else is a warning that names the type."""
    assert load_credentials(apis, SHAPES, {}) == {}
    assert messages(caplog) == [f"apis must be dict or str, not {type(apis).__name__}"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"two": ["k3y", "s3cr3t",}', r"not valid JSON: .* at line 1 column \d+"),
        (b'{"two": ["k3y"\n "s3cr3t"]}', r"not valid JSON: .* at line 2 column \d+"),
        (b"", "not valid JSON"),
        (b'["k3y", "s3cr3t"]', "must hold a JSON object"),
        (b'"s3cr3t"', "must hold a JSON object"),
        (b'{"two": ["k3y", "s3cr3t\xff"]}', "is not UTF-8"),
    ],
    ids=["comma", "second_line", "empty", "list", "text", "encoding"],
)
def test_broken_file(tmp_path: Path, content: bytes, text: str) -> None:
    """A file that cannot be used is an error that names the file and the place, not the contents."""
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=text) as caught:
        load_credentials(path, SHAPES, {})
    assert str(path) in str(caught.value)
    assert not [secret for secret in ("k3y", "s3cr3t") if secret in str(caught.value)]
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)  # the decoder's error has the document


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("two", [], "apis['two'] must be a list of 1 to 3 texts; the entry is ignored"),
        ("two", ["k-value", "s-value", "p", "x"], "apis['two'] must be a list of 1 to 3 texts; the entry is ignored"),
        ("two", "k-value", "apis['two'] must be a list of 1 to 3 texts; the entry is ignored"),
        ("two", {"key": "k-value"}, "apis['two'] must be a list of 1 to 3 texts; the entry is ignored"),
        ("two", None, "apis['two'] must be a list of 1 to 3 texts; the entry is ignored"),
        ("two", ["k-value", 5], "apis['two'] must hold texts only; the entry is ignored"),
        ("two", ["k-value"], "Missing secret for two; the entry is ignored"),
        ("two", ["k-value", ""], "Missing secret for two; the entry is ignored"),
        ("two", ["", "s-value"], "Missing key for two; the entry is ignored"),
        ("three", ["k-value", "s-value"], "Missing passphrase for three; the entry is ignored"),
        ("three", ["k-value", "s-value", ""], "Missing passphrase for three; the entry is ignored"),
        ("one", [""], "Missing private key for one; the entry is ignored"),
    ],
)
def test_d25_unusable_entries(name: str, entry: Any, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """An entry that cannot work is left out with one warning that shows no value; the others stay."""
    found = load_credentials({name: entry, "other": ["k", "s"]}, {**SHAPES, "other": ("key", "secret")}, {})
    assert found == {"other": Credential("k", b"s")}
    assert messages(caplog) == [message]


def test_d25_unknown_names(caplog: pytest.LogCaptureFixture) -> None:
    """A name that no exchange has is kept, with a warning: it may be a misspelling."""
    assert load_credentials({"tow": ["k-value", "s-value"]}, SHAPES, {})["tow"].key == "k-value"
    assert messages(caplog) == ["apis['tow'] is not the name of a known exchange; it will not be used"]


def test_repr_shows_nothing() -> None:
    """No repr or text of a credential shows any of its items."""
    credential = Credential("k-value", b"s-value", "p-value")
    for text in (repr(credential), str(credential), f"{credential!r:>20}", repr([credential]), repr({"a": credential})):
        assert "value" not in text


def test_warnings_go_to_the_client_logger(caplog: pytest.LogCaptureFixture) -> None:
    """Warnings are in the log ``topgun.client``."""
    load_credentials({"two": []}, SHAPES, {})
    assert [(record.name, record.levelno) for record in caplog.records] == [("topgun.client", logging.WARNING)]
