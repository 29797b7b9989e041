"""Strategies on problems whose optimum is known: a table of medians, quartiles and paired wins over seeds.

    python -m bench.strategies [--list] [--seeds 40] [--only quadratic,drifting] [--strategies pbt,scout] [--jobs 2]

Every finished run is a line of `--results`, so that Ctrl-C costs only what was running, and the same command goes on
where it was. Lines know what they depend on: of a problem or strategy that was changed since, none is used.

`--against ray` compares with Ray Tune where `ray[tune]` is installed: see `bench/against_ray.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# One process a core: threads of a linear algebra on top would only be in each other's way.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from bench.contests import WAYS, Contest, Result, append, contests, read  # noqa: E402
from bench.problems.catalogue import CATALOGUE  # noqa: E402
from bench.tables import seconds, table  # noqa: E402

RESULTS = Path("build/bench/strategies.jsonl")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and print the tables."""
    given = _parser().parse_args(arguments)
    if given.list:
        print(listed())
        return
    if given.against:
        from bench.against_ray import compare

        compare(given.seeds, given.only)
        return
    wanted = contests(given.only or CATALOGUE, given.strategies or _usual(), given.seeds)
    known = read(given.results)
    missing = [c for c in wanted if c.key not in known]
    _say(f"{len(wanted)} runs, {len(wanted) - len(missing)} of them in {given.results}")
    try:
        for n, result in enumerate(results_of(missing, given.jobs), 1):
            append(given.results, result)
            known[result.key] = result
            _say(f"{n}/{len(missing)} {result.problem} {result.strategy} {result.seed}: {result.value:.5g}")
    except KeyboardInterrupt:
        _say("stopped: the same command goes on from here")
    print(tables([known[c.key] for c in wanted if c.key in known], given.of))


def results_of(wanted: Sequence[Contest], jobs: int) -> Iterator[Result]:
    """Run contests, `jobs` at a time, in processes of their own where there are several."""
    if jobs == 1:
        yield from map(Contest.run, wanted)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, _leave_ctrl_c) as pool:
        yield from pool.imap_unordered(Contest.run, wanted)


def tables(results: Sequence[Result], of: str = "value") -> str:
    """All that a set of results shows."""
    parts = []
    for group in dict.fromkeys(entry.group for entry in CATALOGUE.values()):
        problems = [name for name, entry in CATALOGUE.items() if entry.group == group]
        if any(r.problem in problems for r in results):
            parts += [f"{group}:", table(results, problems, of)]
    return "\n\n".join([*parts, "Seconds a run (seeds):", seconds(results, list(CATALOGUE))])


def listed() -> str:
    """Problems and strategies by the names that `--only` and `--strategies` take."""
    problems = [f"  {name:18}{e.title}, {e.members} members; optimum: {e.oracle}" for name, e in CATALOGUE.items()]
    ways = [f"  {name:18}{way.title}{', if named' if way.asked else ''}" for name, way in WAYS.items()]
    return "\n".join(["problems:", *problems, "strategies:", *ways])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--seeds", type=_positive, default=40)
    parser.add_argument("--only", type=lambda text: _names(text, CATALOGUE), help="problems, separated by commas")
    parser.add_argument("--strategies", type=lambda text: _names(text, WAYS), help="separated by commas")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, help="processes; default: one a core")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--of", choices=["value", "seen", "reached"], default="value", help=(
        "value: the true one of the member that scores best; seen: its score; reached: the best true one of any"
    ))  # fmt: skip
    parser.add_argument("--against", choices=["ray"])
    return parser


def _usual() -> list[str]:
    return [name for name, way in WAYS.items() if not way.asked]


def _names(text: str, known: dict[str, object]) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return names


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: 1 or more")
    return number


def _leave_ctrl_c() -> None:
    """The process that writes results ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
