"""Random cases of `topgun.testing.truth`: most moves are those of an ordinary day, some are faults."""

from __future__ import annotations

import logging
import random
import sys
import time
from collections import Counter

from topgun.testing.truth import Feed, Truth, WrongBook

from .feeds import FEEDS

__all__ = ["FAULTS", "ORDINARY", "main", "random_case"]

ORDINARY = ("tick", "deliver", "hear", "look", "answer", "wait")
FAULTS = tuple(move for move in Truth.MOVES if move not in ORDINARY)


def random_case(seed: int) -> list[tuple[str, int]]:
    """Return the moves of case number `seed`."""
    chance = random.Random(seed)
    moves = (*ORDINARY * 4, *FAULTS)
    return [(chance.choice(moves), chance.randrange(8)) for _ in range(chance.randrange(3, 30))]


def play(feed: Feed, number: int) -> tuple[Truth, str]:
    """Play one case, every other one from books that are live; return what is left of it, and what was wrong."""
    truth = Truth(feed, seed=number % 5)
    try:
        if number % 2:  # a snapshot that comes by HTTP takes many moves
            truth.settle()
        truth.play(random_case(number))
    except WrongBook as error:
        return truth, str(error)
    return truth, ""


def main(names: list[str], first: int, cases: int) -> int:
    """Play so many cases of each feed and print a line for each; return how many went wrong.

    Args:
        names: Of the feeds; without any, all.
        first: The number of the first case.
        cases: How many.
    """
    failed = 0
    for name in names or list(FEEDS):
        begun, sums, wrong = time.perf_counter(), Counter[str](), {}
        for number in range(first, first + cases):
            truth, error = play(FEEDS[name], number)
            sums.update(gaps=truth.gaps, requests=truth.requests)
            if error:
                wrong[number] = error
        took = time.perf_counter() - begun
        print(
            f"{name:24} cases {cases:7} desyncs {sums['gaps']:7} requests {sums['requests']:7} wrong {len(wrong)}"
            f"  {took:.0f} s {dict(list(wrong.items())[:3]) if wrong else ''}"
        )
        failed += len(wrong)
    return failed


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what a store says of a hundred thousand gaps
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    sys.exit(bool(main([each for each in sys.argv[1:] if not each.isdigit()], *(numbers or [0, 1000]))))
