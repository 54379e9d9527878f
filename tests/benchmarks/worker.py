"""One measurement in a process of its own: ``python -m tests.benchmarks.worker ID SIDE SIZE`` prints the figure."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from . import books, imports, signing, sockets, tables

if TYPE_CHECKING:
    from .case import Case

CASES: tuple[Case, ...] = (*books.CASES, *tables.CASES, *sockets.CASES, *signing.CASES, *imports.CASES)


def find(name: str) -> Case:
    """Return the case of that id."""
    return next(case for case in CASES if case.id == name)


if __name__ == "__main__":
    _, name, side, size = sys.argv
    print(json.dumps(find(name).run(side, int(size))))
