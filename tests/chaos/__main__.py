"""The longer run: ``python -m tests.chaos [--seeds N] [--kills K] [--kind server|folder] [--folder DIR]``.

Prints one line for each seed, and the sums.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.harness import Chaos, clean


def main() -> None:
    """Run the seeds one after the other; the first broken promise ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kind", choices=["server", "folder", "both"], default="both")
    parser.add_argument("--journal", default="sqlite")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    sums: Counter[str] = Counter()
    for seed in range(given.first, given.first + given.seeds):
        server = given.kind == "server" or (given.kind == "both" and seed % 2 == 0)
        folder = Path(tempfile.mkdtemp(prefix=f"pbt-chaos-{seed}-", dir=given.folder))
        chaos = Chaos(folder, seed, server=server, kills=given.kills, steps=given.steps, journal=given.journal)
        chaos.run(limit=900)
        clean(folder)
        sums.update(chaos.figures)
        print(f"seed {seed} ({'server' if server else 'folder'}): {dict(chaos.figures)}", flush=True)
    print(f"in all: {dict(sums)}; no promise was broken")


if __name__ == "__main__":
    main()
