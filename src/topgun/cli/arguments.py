"""The arguments of the command ``topgun``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows the program's name; ``None`` = those of the process.

    Returns:
        The exit code: 0 if all was well.
    """
    parser = argparse.ArgumentParser(prog="topgun", description="An asyncio library for crypto trading bots.")
    parser.add_argument("--version", action="version", version=f"topgun {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser(
        "demo",
        help="run an example bot against an exchange on this computer",
        description="Run an example bot, unmodified, against an exchange on this computer that cuts its connection "
        "and spoils its book. No account, no keys, no network. The exit code is 0 if the bot came through.",
    )
    demo.add_argument("--exchange", metavar="NAME", help="the exchange to play (default: the first that is known)")
    demo.add_argument("--seconds", type=_seconds, default=15.0, help="how long the bot runs (default: 15)")
    demo.add_argument("--plain", action="store_true", help="print lines, also on a terminal")
    chosen = parser.parse_args(arguments)
    return _demo(chosen.exchange, chosen.seconds, plain=chosen.plain)


def _demo(exchange: str | None, seconds: float, *, plain: bool) -> int:
    try:
        from .demo import demo  # noqa: PLC0415  (needs the extras: `topgun --version` must not)

        return demo(exchange, seconds, plain=plain or not sys.stdout.isatty())
    except ImportError as error:
        print(f"topgun demo needs {error.name}: install it with pip install 'topgun[cli,testing]'", file=sys.stderr)
    except ConfigError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return 1


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: give 1 to 3600 seconds")
    return seconds
