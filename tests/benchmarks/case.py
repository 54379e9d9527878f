"""What one measurement is, and how its result is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TOPGUN, PEER, BARE = "topgun", "pybotters", "bare"


class WrongResult(Exception):
    """An implementation was measured doing the wrong thing; its time means nothing."""


def check(name: str, got: Any, expected: Any) -> None:
    """Compare a result with the truth.

    Raises:
        WrongResult: They differ.
    """
    if got != expected:
        raise WrongResult(f"{name}: expected {str(expected)[:200]}, got {str(got)[:200]}")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        suite: The group that ``--suite`` selects.
        name: What is measured.
        unit: What the figure counts, such as ``us/message``; smaller is better for every unit.
        sizes: How much work: of a full run, of a ``--quick`` one, of the smoke test.
        run: Does the work with the implementation of that name and returns the figure; raises `WrongResult`.
        sides: The implementations that can be measured.
        over_bare: Add a row with what is left after taking off the bare implementation's figure of the same round.
    """

    suite: str
    name: str
    unit: str
    sizes: tuple[int, int, int]
    run: Callable[[str, int], float]
    sides: tuple[str, ...] = (TOPGUN, PEER, BARE)
    over_bare: bool = False

    @property
    def id(self) -> str:
        """The suite and the name."""
        return f"{self.suite}: {self.name}"
