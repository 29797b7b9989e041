"""Findings about checkpoints: whether the referenced ones are whole, and unreferenced ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.ids import parsed
from pbt.errors import CheckpointError, PBTError, SettingsError
from pbt.population.entries import Checkpoint
from pbt.population.population import Population
from pbt.views.finding import PERMISSION, Finding, History, some


def checkpoints_in(store: FolderStore, history: History) -> Iterator[Finding]:
    """Whether every referenced checkpoint in the folder is whole, and which unreferenced ones there are."""
    try:
        yield from _whole(store.fetch, history)
    except PermissionError as error:
        yield Finding("warning", f"not every checkpoint can be looked at: {error}", PERMISSION)
        return
    except OSError as error:
        yield Finding("problem", str(error), "mount the folder with the checkpoints")
        return
    found = store.ids()
    population = history.now()
    yield from _ahead(found, population)
    left = sorted(set(found) - population.referenced()) if population.finished else []
    if left:
        yield Finding(
            "warning", f"unreferenced checkpoints: {some(left)}",
            "run the same pbt run once more: it sweeps; or delete them",
        )  # fmt: skip


def _ahead(ids: list[str], population: Population) -> Iterator[Finding]:
    """Checkpoints under leases that the journal does not know, as after it was restored from an older copy."""
    newest = {m.id: m.newest for m in population.members}
    later = [id for id in ids if parsed(id)[1] > newest.get(parsed(id)[0], 0)]
    if later:
        yield Finding(
            "warning", f"checkpoints newer than the journal: {some(sorted(later))}; was it restored from a copy?",
            "go on from the journal: workers replace them; or restore the newer journal first, if there is one",
        )  # fmt: skip


def objects_of(history: History) -> Iterator[Finding]:
    """Whether the object store has the manifest of every referenced checkpoint; no file is fetched."""
    from pbt.checkpoints.objects import FIRST_TIMEOUT, Objects, backend

    url = history.now().settings.checkpoints
    try:
        objects = Objects(backend(url), url, FIRST_TIMEOUT)
        objects.reach()
        yield from _whole(objects.manifest, history)
    except SettingsError as error:
        yield Finding("problem", str(error), "install what is missing here, then ask again")
    except (PBTError, OSError) as error:
        yield Finding(
            "problem",
            str(error),
            "see that the store answers, and give this shell the credentials and the endpoint that workers have",
        )


def _needed(population: Population) -> set[str]:
    """The checkpoints that are referenced, but for those to fall back on: former versions kept none."""
    needed = {m.checkpoint.id for m in population.members if m.checkpoint is not None}
    return needed | ({population.best.id} if population.best is not None else set())


def _whole(look: Callable[[str], object], history: History) -> Iterator[Finding]:
    """Every checkpoint that was needed before it was looked at, and still is."""
    looked = sorted(_needed(history.now()))
    broken: dict[str, CheckpointError] = {}
    for id in looked:
        try:
            look(id)
        except CheckpointError as error:
            broken[id] = error
    population = history.now()
    needed = _needed(population)
    referenced = [id for id in looked if id in needed]
    for id in referenced:
        if id in broken:
            yield Finding("problem", f"checkpoint {id}: {broken[id]}", _loss(population, id))
    whole = sum(id not in broken for id in referenced)
    yield Finding("ok", f"checkpoints: {whole} of {len(referenced)} referenced ones are whole")


def _loss(population: Population, id: str) -> str:
    """The consequence of a lost checkpoint."""

    def uses(checkpoint: Checkpoint | None) -> bool:
        return checkpoint is not None and checkpoint.id == id

    users = [m.id for m in population.members if uses(m.checkpoint) and not m.done]
    if users:
        return f"nothing: the next worker of member {some(users)} notices it, and the member takes over another one"
    return "restore it from a copy; no member trains from it"
