"""The command line: what it accepts, and what it says when something is missing."""

from __future__ import annotations

import runpy
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import topgun
from topgun.__main__ import main
from topgun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


def demo_that(monkeypatch: pytest.MonkeyPatch, outcome: Callable[..., int]) -> None:
    """Put `outcome` in the place of the demo."""
    monkeypatch.setattr("topgun.cli.demo.demo", outcome)


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` prints the version and ends well."""
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"topgun {topgun.__version__}\n"


def test_the_package_can_be_run() -> None:
    """``python -m topgun`` is the same command, and does not load what only the demo needs."""
    code = "import runpy, sys; sys.argv[1:] = ['--version']; runpy.run_module('topgun', run_name='__main__')"
    code = f"try:\n {code}\nexcept SystemExit as end: sys.exit(end.code or 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"topgun {topgun.__version__}\n")


def test_the_package_ends_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as a program, the package ends with the code of the command."""
    monkeypatch.setattr(sys, "argv", ["topgun", "demo"])
    monkeypatch.delitem(sys.modules, "topgun.__main__")
    demo_that(monkeypatch, lambda *_, **__: 7)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("topgun", run_name="__main__")
    assert stopped.value.code == 7


@pytest.mark.parametrize("arguments", [[], ["fly"], ["demo", "--seconds", "0"], ["demo", "--seconds", "soon"]])
def test_wrong_arguments_are_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be understood ends with the usage and code 2."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: topgun" in capsys.readouterr().err


def test_the_demo_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchange, seconds and form reach the demo, whose exit code is that of the command."""
    got: list[Any] = []

    def demo(exchange: str | None, seconds: float, *, plain: bool) -> int:
        got.append((exchange, seconds, plain))
        return 7

    demo_that(monkeypatch, demo)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["demo"]) == 7
    assert main(["demo", "--exchange", "x", "--seconds", "3.5", "--plain"]) == 7
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert main(["demo"]) == 7
    assert got == [(None, 15.0, False), ("x", 3.5, True), (None, 15.0, True)]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("no", name="rich"), "topgun demo needs rich: install it with pip install 'topgun[cli,testing]'\n"),
        (ConfigError("no exchange of that name"), "no exchange of that name\n"),
        (KeyboardInterrupt(), "interrupted\n"),
    ],
)
def test_what_stops_the_demo_is_said_in_a_line(
    error: BaseException, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing extra, an unknown exchange and Ctrl-C end with one clear line and code 1, without a traceback."""

    def demo(*_: object, **__: object) -> int:
        raise error

    demo_that(monkeypatch, demo)
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == said
