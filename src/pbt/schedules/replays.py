"""The replays of a population, which lie beside it: ``runs/first.replay-1`` is the first of ``runs/first``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from pbt.coordinator.follower import Follower
from pbt.errors import JournalError, NotFound
from pbt.opening.folder import path_of
from pbt.opening.opening import names_server, open_journal
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.schedules.replay import Replay, replay_of


def place_of(where: str, n: int) -> str:
    """Where the `n`-th replay of a population is kept, from 1: beside it."""
    if names_server(where):
        address, mark, pin = where.partition("#")
        scheme, _, rest = address.partition("://")
        host, _, name = rest.partition("/")
        return f"{scheme}://{host}/{name.rstrip('/') or 'default'}.replay-{n}{mark}{pin}"
    path = path_of(where)
    return str(path.with_name(f"{path.name}.replay-{n}"))


class Kept(NamedTuple):
    """A replay that is kept beside its population."""

    where: str
    population: Population
    replay: Replay


def replays_of(where: str) -> Iterator[Kept]:
    """The replays of the population at `where`, in the order in which they were begun.

    Raises:
        Unreachable: no server answers.
        Forbidden: the key is wrong.
    """
    for n in count(1):
        place, lineage = place_of(where, n), Lineage()
        try:
            follower = Follower(open_journal(place))
            follower.listen(lineage.follow)
            follower.catch_up()
            population = follower.population
        except (JournalError, NotFound):
            return
        found = replay_of(population, lineage)
        if found is not None:
            yield Kept(place, population, found)
