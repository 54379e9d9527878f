"""Measure topgun beside pybotters and beside hand-written aiohttp code, and print one table.

``python tests/benchmarks/run.py [--quick] [--suite NAME ...] [--json FILE]``; README.md says what the figures mean.
The exit status tells wrong results from right ones, never slow from fast.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.case import BARE, PEER, TOPGUN, Case  # noqa: E402  (the path comes first)
from tests.benchmarks.worker import CASES  # noqa: E402

ROUNDS, QUICK_ROUNDS = 5, 3
PACKAGES = ("topgun", "pybotters", "aiohttp", "yarl", "orjson")
HEAD = ("suite", "case", "unit", "topgun", "pybotters", "bare", "pybotters / topgun", "spread", "topgun / bare")

Figures = dict[str, float]


def measure(case: Case, side: str, size: int) -> float:
    """Run one measurement in a process of its own and return its figure."""
    command = [sys.executable, "-m", "tests.benchmarks.worker", case.id, side, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case.id} with {side} failed:\n{done.stderr}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def rounds(case: Case, sides: list[str], *, quick: bool) -> list[Figures]:
    """Measure each side once a round; who goes first rotates, and every second time around the order is reversed."""
    taken = []
    for number in range(QUICK_ROUNDS if quick else ROUNDS):
        turn = number % len(sides)
        order = [*sides[turn:], *sides[:turn]]
        if number // len(sides) % 2:
            order.reverse()
        taken.append({side: measure(case, side, case.sizes[quick]) for side in order})
    return taken


def ratios(taken: list[Figures], over: str, under: str) -> list[float]:
    """Return the ratio of two sides inside each round, in rising order."""
    return sorted(figures[over] / figures[under] for figures in taken if over in figures and under in figures)


def row(case: Case, name: str, taken: list[Figures]) -> list[str]:
    """Return one line of the table: medians of the figures, medians and extremes of the ratios."""
    figures = [
        f"{median(each[side] for each in taken):.3g}" if side in taken[0] else "-" for side in (TOPGUN, PEER, BARE)
    ]
    peer, bare = ratios(taken, PEER, TOPGUN), ratios(taken, TOPGUN, BARE)
    return [
        case.suite,
        name,
        case.unit,
        *figures,
        f"{median(peer):.2f}" if peer else "-",
        f"{peer[0]:.2f} to {peer[-1]:.2f}" if peer else "-",
        f"{median(bare):.2f}" if bare else "-",
    ]


def rows(case: Case, taken: list[Figures]) -> list[list[str]]:
    """Return the line of a case, and the line of what it costs more than the bare implementation."""
    lines = [row(case, case.name, taken)]
    if case.over_bare:
        more = [{side: each[side] - each[BARE] for side in each if side != BARE} for each in taken]
        lines.append(row(case, f"{case.name}, more than bare", more))
    return lines


def table(lines: list[list[str]]) -> str:
    """Return the lines as a Markdown table whose columns are aligned."""
    everything = [list(HEAD), *lines]
    widths = [max(len(line[column]) for line in everything) for column in range(len(HEAD))]

    def line_of(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line_of(everything[0]), rule, *map(line_of, lines)])


def machine() -> dict[str, str]:
    """Say where and with what the figures were taken."""
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, three rounds")
    parser.add_argument("--suite", action="append", choices=sorted({case.suite for case in CASES}))
    parser.add_argument("--json", type=Path, help="also write every figure of every round to this file")
    chosen = parser.parse_args(arguments)
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    absent = {PEER} if find_spec(PEER) is None else set()
    lines: list[list[str]] = []
    raw: list[dict[str, Any]] = []
    failures = []
    for case in CASES:
        if chosen.suite and case.suite not in chosen.suite:
            continue
        print(f"  {case.id}", file=sys.stderr, flush=True)
        try:
            taken = rounds(case, [side for side in case.sides if side not in absent], quick=chosen.quick)
        except RuntimeError as error:
            failures.append(str(error))
            continue
        lines += rows(case, taken)
        raw.append({"suite": case.suite, "case": case.name, "unit": case.unit, "rounds": taken})
    print(f"\n{table(lines)}")
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": facts, "cases": raw}, indent=1) + "\n", encoding="utf-8")
    for failure in failures:
        print(f"\n{failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
