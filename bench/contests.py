"""One strategy on one problem from one seed, and the lines of a file in which such results are kept."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.problems.catalogue import CATALOGUE, Entry
from bench.problems.problem import trained

from pbt.strategies.registry import KNOWN, record

FIRST_SEED = 5000
"""Of the table: seeds that no development has looked at."""
PBT = {"name": "pbt", "quantile": 0.25}


class Way(NamedTuple):
    """A strategy as the table has it.

    Attributes:
        title: in tables.
        strategy: as `pbt.train` takes it.
        longer: the interval, in those of the problem.
        synchronous: behind a barrier.
        choices: only where there are choices.
        asked: only where it is named, since it is dear or beside the point.
    """

    title: str
    strategy: Any
    longer: int = 1
    synchronous: bool = True
    choices: bool = False
    asked: bool = False


WAYS: dict[str, Way] = {
    "random": Way("random search", {"name": "pbt", "quantile": 0}),
    "plans": Way("random plans", "plans"),
    "pbt": Way("PBT", PBT),
    "pbt-2": Way("PBT, 2 intervals", PBT, 2),
    "pbt-5": Way("PBT, 5 intervals", PBT, 5),
    "pbt-10": Way("PBT, 10 intervals", PBT, 10),
    "mf-pbt": Way("MF-PBT", "mf-pbt"),
    "pb2": Way("PB2", {**PBT, "name": "pb2"}),
    "pb2-mult": Way("PB2-Mult", {**PBT, "name": "pb2-mult"}, choices=True),
    "pb2-mix": Way("PB2-Mix", {**PBT, "name": "pb2-mix"}, choices=True),
    "scout": Way("SCOUT", {"name": "scout", "model": True}),
    "scout-bare": Way("SCOUT without a model", {"name": "scout", "model": False}),
    "pbt-async": Way("PBT, asynchronous", PBT, synchronous=False, asked=True),
    "pb2-async": Way("PB2, asynchronous", {**PBT, "name": "pb2"}, synchronous=False, asked=True),
    "scout-async": Way("SCOUT, asynchronous", {"name": "scout", "model": True}, synchronous=False, asked=True),
}
_PACKAGES = ("bench.problems.", "pbt.strategies.")
TUNED = ("pbt", "pbt-2", "pbt-5", "pbt-10")
"""Of which the best in hindsight is what others are compared with."""


class Contest(NamedTuple):
    """What is run: names of the catalogue and of `WAYS`, and a seed."""

    problem: str
    strategy: str
    seed: int

    @property
    def entry(self) -> Entry:
        """The problem's."""
        return CATALOGUE[self.problem]

    @property
    def nth(self) -> int:
        """Which of the family."""
        return self.seed % self.entry.family

    @property
    def key(self) -> str:
        """Of everything that the result depends on: settings, and the text of problem and strategy."""
        return f"{key_of(self.problem, self.strategy)}-{self.seed}"

    def run(self) -> Result:
        """Train the population."""
        problem, way = self.entry.make(self.nth), WAYS[self.strategy]
        began = time.perf_counter()
        outcome = trained(
            problem, way.strategy, self.entry.members, self.seed,
            interval=problem.interval * way.longer, synchronous=way.synchronous,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        return Result(self.key, *self, *outcome, problem.optimum, problem.maximize, round(seconds, 3))


class Result(NamedTuple):
    """A line of the file: a contest, and what `bench.problems.problem.Outcome` says of it."""

    key: str
    problem: str
    strategy: str
    seed: int
    value: float
    seen: float
    reached: float
    optimum: float
    maximize: bool
    seconds: float


def contests(problems: Iterable[str], strategies: Iterable[str], seeds: int) -> list[Contest]:
    """All contests, seed by seed, so that a table that is cut short is fair to all."""
    pairs = [(p, s) for p in problems for s in strategies if not WAYS[s].choices or _chooses(p)]
    return [Contest(p, s, FIRST_SEED + seed) for seed in range(seeds) for p, s in pairs]


def read(path: Path) -> dict[str, Result]:
    """Results by key; what a process that was killed left half-written is no line."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError, TypeError):
            result = Result(**json.loads(line))
            found[result.key] = result
    return found


def append(path: Path, result: Result) -> None:
    """One line more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        torn = file.tell() and file.seek(-1, 2) is not None and file.read(1) != b"\n"
        file.write((b"\n" if torn else b"") + json.dumps(result._asdict()).encode() + b"\n")


@functools.cache
def _chooses(problem: str) -> bool:
    from pbt.space.domains import Choice

    return any(isinstance(domain, Choice) for domain in CATALOGUE[problem].make(0).space.values())


@functools.cache
def key_of(problem: str, strategy: str) -> str:
    entry, way = CATALOGUE[problem], WAYS[strategy]
    asked = record(way.strategy)
    settings = [entry.members, entry.family, way.longer, way.synchronous, asked.name, asked.parameters]
    texts = [*_texts(entry.make(0).step.__module__), *_texts(KNOWN[asked.name].partition(":")[0])]
    return hashlib.sha256(json.dumps([problem, strategy, settings, sorted(texts)]).encode()).hexdigest()[:16]


def _texts(module: str) -> Iterator[str]:
    """What a problem's or strategy's module says, and those of their packages that it imports, without comments."""
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        tree = ast.parse(text_of(name))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGES):
                waiting.append(node.module or "")
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [n for n in body if not _is_text(n)]  # type: ignore[attr-defined]
        yield f"{name}: {ast.dump(tree)}"


def _is_text(node: ast.stmt) -> bool:
    """A docstring: it can change without changing any result."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def text_of(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text()
