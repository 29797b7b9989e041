"""What the views of the family cost: processor time and bytes of the tree and of clades, by members and rounds.

    python -m bench.family [--runs N]

Lineages of members of which each round a fifth take over others, by chance alone: the worst case, since without
selection lineages live longest. Milliseconds of processor time: the first computation of a view reads the segments,
"ms" is the median of those after it.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.support.lineages import drifted, unranked

from pbt.views.bins import Window
from pbt.views.clades import choose, shares
from pbt.views.columns import Column, encode
from pbt.views.forest import Forest
from pbt.views.tree import LARGEST, LIMIT, columns_of, planted

SIZES = ((100, 1000), (1000, 1000), (10_000, 100))


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(f"{os.cpu_count()} processors")
    print("members  rounds  segments   living  view          rows  records      kB     first ms       ms")
    for members, rounds in SIZES:
        _measure(members, rounds, runs)


def _measure(members: int, rounds: int, runs: int) -> None:
    lineage, population = drifted(members, rounds), unranked(members)
    gc.collect()
    gc.freeze()  # as in the process that reads, where what is kept of a journal is not looked through
    forest, window = Forest(lineage), Window.of(0, rounds, 300)
    domain = population.settings.space.domains["lr"]
    whole = planted(_read(forest), population, window, 10**9, member=0)
    living = len({id(record.of) for record in whole.records})

    def tree(limit: int) -> tuple[str, int, int, int]:
        found = planted(_read(forest), population, window, limit, member=0)
        told = columns_of(forest, found, choose(forest, window), ("lr", domain))
        return f"tree ≤ {limit}", found.rows, len(found.records), len(encode(1, told, {}))

    def clades() -> tuple[str, int, int, int]:
        chosen = choose(_read(forest), window)
        told = [Column(f"share/{k}", "f4", row) for k, row in enumerate(shares(forest, chosen, window))]
        return "clades", len(chosen.found), 0, len(encode(1, told, {}))

    views: list[Callable[[], tuple[str, int, int, int]]] = [lambda: tree(LIMIT), lambda: tree(LARGEST), clades]
    for view in views:
        forest = Forest(lineage)
        took: list[float] = []
        for _ in range(runs + 1):
            began = time.process_time()
            said: Any = view()
            took.append(1000 * (time.process_time() - began))
        name, rows, records, size = said
        print(
            f"{members:7,} {rounds:7,} {len(forest.parents):9,} {living:8,}  {name:12}"
            f" {rows:5} {records:8,} {size / 1000:7.0f} {took[0]:12.0f} {statistics.median(took[1:]):8.0f}"
        )


def _read(forest: Forest) -> Forest:
    forest.read_on()
    return forest


if __name__ == "__main__":
    main()
