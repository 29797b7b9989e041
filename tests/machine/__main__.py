"""The longer run: ``python -m tests.machine --operations 100000 --journal memory``; prints figures."""

from __future__ import annotations

import argparse
import random
import secrets
import tempfile
import time
from collections import Counter
from pathlib import Path

from pbt.coordinator import snapshot
from tests.machine.journals import JOURNALS
from tests.machine.moves import WEIGHTS, Moves
from tests.support.postgres import stop_postgres

RACED = ("join", "report", "block")


class Chance:
    """A generator that hypothesis does not need."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


def play(journal: str, seed: str, operations: int, figures: Counter[str]) -> None:
    """One population, for so many operations or a little past its end."""
    with tempfile.TemporaryDirectory() as folder:
        moves = Moves(Chance(seed), JOURNALS[journal](Path(folder)))
        chosen = random.Random(f"{seed} moves")
        try:
            _moves(moves, chosen, operations, figures)
            moves.table.check_journal()
        except BaseException:
            for number, body in list(enumerate(moves.table.reader.read(0), 1))[-8:]:
                print(number, body.decode())
            raise
        moves.table.close()
        figures.update(moves.table.figures)
        figures["populations"] += 1
        figures["populations finished"] += moves.table.model.finished()


def _moves(moves: Moves, chosen: random.Random, operations: int, figures: Counter[str]) -> None:
    after_end = 30
    for _ in range(operations):
        (name,) = chosen.choices(list(WEIGHTS), list(WEIGHTS.values()))
        figures[f"operations: {name}"] += 1
        if name in RACED and chosen.random() < 0.2:
            figures["met somebody else before the append"] += 1
            getattr(moves, name)(moves.report)
        else:
            getattr(moves, name)()
        after_end -= moves.table.model.finished()
        if after_end == 0:
            return


def main() -> None:
    """Operations by kind, entries, exploits, cures, rounds, refusals."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine")
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--journal", choices=sorted(JOURNALS), default="memory")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of what is drawn; by default another each time")
    parser.add_argument("--only", help="one population of an earlier run, as its failure names it")
    given = parser.parse_args()
    snapshot.SNAPSHOT_EVERY = 50
    figures: Counter[str] = Counter()
    started = time.monotonic()
    number = 0
    while (made := sum(n for name, n in figures.items() if name.startswith("operations"))) < given.operations:
        seed = given.only or f"{given.seed}/{number}"
        number += 1
        try:
            play(given.journal, seed, min(600, given.operations - made), figures)
        except BaseException:
            print(f"failed: --only {seed}, after {made} operations of earlier populations")
            raise
        if given.only:
            break
    print(f"{given.journal}, seed {given.seed}: {made} operations in {time.monotonic() - started:.0f} s")
    for name in sorted(figures):
        print(f"  {figures[name]:8d}  {name}")


if __name__ == "__main__":
    try:
        main()
    finally:
        stop_postgres()
