"""The same budget here and in Ray Tune: B1, B2 and B5, with the same problem, members, beginnings and parameters.

    pip install 'ray[tune]' scikit-learn 'pbtrain[models]'
    python -m bench.strategies --against ray --seeds 5

Both decide after the same steps, replace the worst quarter, redraw with probability .25 and else multiply by .8 or
1.25. Ours is `pbt.train` behind a barrier, one process that keeps states in memory. Ray starts an actor process a
member and writes checkpoints, which is the price of going to many machines, and most of its time here. By default it
waits for nobody; with `synch=True` it does, and starts actors anew in every round. Starting Ray itself is not counted.
Each seed runs all ways in turn, so take few.
"""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.contests import FIRST_SEED, PBT
from bench.problems.catalogue import CATALOGUE, Entry, shown
from bench.problems.problem import trained
from bench.tables import short, spread, titles

from pbt.population.chance import Chance
from pbt.settings import resolve, wanted
from pbt.strategies.births import first_values

PROBLEMS = ("toy", "drifting", "triangle")
NEEDS = "--against ray needs Ray Tune, and scikit-learn for its PB2: pip install 'ray[tune]' scikit-learn"


class Run(NamedTuple):
    """What is shown of the best member, and the seconds that it took."""

    value: float
    seconds: float


def compare(seeds: int, only: Sequence[str] | None) -> None:
    """Run all, and print a table.

    Raises:
        SystemExit: Ray Tune is not installed.
    """
    try:
        import ray
        import sklearn  # noqa: F401
        from ray import tune  # noqa: F401
    except ImportError as error:
        raise SystemExit(f"{error}; {NEEDS}") from None
    names = [name for name in only or PROBLEMS if name in PROBLEMS]
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ways: dict[str, Callable[[Entry, int], Run]] = {
        "`pbt.train`, PBT": lambda entry, seed: _ours(entry, PBT, seed),
        "Ray Tune, PBT": lambda entry, seed: _rays(entry, "pbt", seed),
        "Ray Tune, PBT, `synch=True`": lambda entry, seed: _rays(entry, "pbt", seed, synch=True),
        "`pbt.train`, PB2": lambda entry, seed: _ours(entry, {**PBT, "name": "pb2"}, seed),
        "Ray Tune, PB2": lambda entry, seed: _rays(entry, "pb2", seed),
    }
    found: dict[tuple[str, str], list[Run]] = {(way, name): [] for way in ways for name in names}
    try:
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            for name in names:
                for way, run in ways.items():
                    found[way, name].append(run(CATALOGUE[name], seed))
                    last = found[way, name][-1]
                    print(f"{way} {name} {seed}: {last.value:.5g} in {last.seconds:.2f} s", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        ray.shutdown()
    print(f"Ray {ray.__version__}, {min(map(len, found.values()))} seeds\n")
    print(f"|  | {' | '.join(titles(names))} |\n| --- |{' --- |' * len(names)}")
    for way in ways:
        print(f"| {way} | {' | '.join(_cell(found[way, name]) for name in names)} |")


def _cell(runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    return f"{spread([r.value for r in runs])} in {short(statistics.median(r.seconds for r in runs))} s"


def _ours(entry: Entry, strategy: Any, seed: int) -> Run:
    problem = entry.make(0)
    began = time.perf_counter()
    outcome = trained(problem, strategy, entry.members, seed)
    return Run(shown(entry, outcome.value, problem.optimum), time.perf_counter() - began)


def _rays(entry: Entry, strategy: str, seed: int, synch: bool = False) -> Run:
    """The same population in Ray Tune; the true value of the member that scores best at the end."""
    from ray import tune

    name = next(name for name, e in CATALOGUE.items() if e is entry)
    problem, births = entry.make(0), beginnings(entry, seed)
    space = {
        "problem": name, "seed": seed, "member": tune.grid_search(list(range(entry.members))),
        **{h: tune.sample_from(lambda config, h=h: births[config["member"]][h]) for h in problem.space},
    }  # fmt: skip
    random.seed(seed)
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="bench-ray-") as folder:
        tuner = tune.Tuner(
            tune.with_resources(_trainable(), {"cpu": min(1.0, cores / entry.members)}),
            param_space=space,
            tune_config=tune.TuneConfig(
                scheduler=_scheduler(problem, strategy, synch), num_samples=1, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                stop={"training_iteration": problem.steps // problem.interval}, storage_path=folder, verbose=0
            ),
        )
        began = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - began
    sign = 1 if problem.maximize else -1
    last = max((result.metrics or {} for result in results), key=lambda m: sign * float(m["score"]))
    return Run(shown(entry, float(last["value"]), problem.optimum), seconds)


def beginnings(entry: Entry, seed: int) -> list[dict[str, Any]]:
    """The hyperparameters with which each member is born in `pbt.train` from this seed."""
    problem = entry.make(0)
    asked = wanted(
        space=problem.space, members=entry.members, steps=problem.steps, interval=problem.interval,
        maximize=problem.maximize, seed=seed, initial=list(problem.initial[: entry.members]),
    )  # fmt: skip
    settings = resolve(asked)
    return [first_values(settings, Chance(seed, member, 0)) for member in range(entry.members)]


def _scheduler(problem: Any, strategy: str, synch: bool) -> Any:
    from ray import tune
    from ray.tune.schedulers import PopulationBasedTraining
    from ray.tune.schedulers.pb2 import PB2

    common: dict[str, Any] = {
        "time_attr": "training_iteration", "metric": "score", "mode": "max" if problem.maximize else "min",
        "perturbation_interval": 1, "quantile_fraction": 0.25, "synch": synch, "log_config": False,
    }  # fmt: skip
    if strategy == "pb2":
        return PB2(**common, hyperparam_bounds={h: [domain.min, domain.max] for h, domain in problem.space.items()})
    draws = {
        h: (tune.loguniform if domain.log else tune.uniform)(domain.min, domain.max)
        for h, domain in problem.space.items()
    }
    return PopulationBasedTraining(
        **common, resample_probability=0.25, perturbation_factors=(1.25, 0.8), hyperparam_mutations=draws
    )


def _trainable() -> Any:
    from ray import tune

    class Member(tune.Trainable):  # type: ignore[misc]
        """A member whose state is a list of numbers; a round of the problem is an iteration."""

        def setup(self, config: dict[str, Any]) -> None:
            self._problem = CATALOGUE[config["problem"]].make(0)
            self._rng = random.Random(f"{config['seed']}/{config['member']}")
            self._state = self._problem.init(self._rng)

        def step(self) -> dict[str, float]:
            p = self._problem
            for _ in range(p.interval):
                self._state = p.step(self._state, self.config, self._rng)
            return {"score": p.score(self._state, self._rng), "value": p.value(self._state)}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            Path(checkpoint_dir, "state.json").write_text(json.dumps(self._state))

        def load_checkpoint(self, checkpoint: Any) -> None:
            self._state = json.loads(Path(checkpoint, "state.json").read_text())

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.config = new_config
            self.setup(new_config)
            return True

    return Member
