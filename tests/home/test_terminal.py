"""`pbt watch`, `lineage`, `explain MEMBER` and `compare`: what they say is what the journal says, in any terminal."""

from __future__ import annotations

import io
import json
import math
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.support.population import Script
from tests.support.scripts import PBT, environment, pbt_run
from tests.support.worlds import KEY, FolderWorld, ServerWorld, World

import pbt
from pbt.cli.progress import followed
from pbt.coordinator.follower import Follower
from pbt.errors import NotFound, counted
from pbt.opening.opening import open_journal
from pbt.population.entries import real
from pbt.views.comparison import Side, differing
from pbt.views.family import family, family_json, family_lines, way_of
from pbt.views.fitting import at_gap, without_middle
from pbt.views.sparks import GLYPHS, Sparks, spark
from pbt.views.summary import schedule_lines
from pbt.views.table import number_text
from pbt.views.why import last_decision, why_lines

SPACE = {
    "lr [red]": pbt.Float(1e-3, 1, log=True),
    "Größe #1": pbt.Int(1, 9),
    "act": pbt.Choice(["<img onerror=x>", "b"]),
}


def played(world: World, rounds: int = 12, members: int = 6, **given: Any) -> Script:
    """Trained to its end; the scores are such that members overtake each other."""
    s = Script(world, members=members, space=SPACE, steps=rounds, strategy=pbt.PBT(quantile=0.34), **given)
    for step in range(2 * rounds):
        for member in range(members):
            if not (s.answers and member in s.answers and s.answers[member].stop):
                s.report(member, math.sin(7.0 * step + 3.0 * member) + step / 3)
    return s


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = FolderWorld(tmp_path_factory.mktemp("a #1 ü"))
    played(world)
    world.close()
    return Path(world.folder)


def say(command: str, *arguments: object, columns: int = 100, code: int = 0, **env: Any) -> str:
    done = pbt_run([command, *arguments], Path.cwd(), COLUMNS=columns, **env)
    assert done.returncode == code, done.stderr
    assert "\x1b" not in done.stdout
    return done.stdout


def test_a_spark_rises_with_the_values() -> None:
    assert spark([0, 1, 2, 3, 4, 5, 6, 7]) == GLYPHS
    assert spark([3, math.nan, 3]) == "▅ ▅"
    assert spark([-1e308, 1e308]) == "▁█"
    assert spark([]) == ""


def test_curves_lead_along_the_lineage(folder: Path) -> None:
    seen = followed(str(folder))
    curves = Sparks(seen, 6, ["lr [red]"])
    for m in seen.population.members:
        schedule = pbt.load(folder).schedule(m.id)
        unit = SPACE["lr [red]"].unit
        wanted = spark([unit(schedule[step * 2 + 1]["lr [red]"]) for step in range(6)])
        assert curves(m, "lr [red]") == f" {wanted}"
        assert len(curves(m, None)) == 7
        assert curves(m, "act") == ""


@pytest.mark.parametrize("width", [20, 40, 100, 200])
def test_the_tree_is_that_of_the_journal_and_fits(folder: Path, width: int) -> None:
    seen = followed(str(folder))
    found = family(seen, width, 40)
    lines = list(family_lines(seen, found, width))
    run = pbt.load(folder)
    records = family_json(found)
    leaves = {r["member"] if not r["merged"] else None for r in records if r["leaf"]}
    assert found.leaves == len(run.members) == 6
    if width == 200:
        assert leaves == set(range(6))
        assert {(r["member"], r["begin"]) for r in records if r["took_over"]} <= {
            (s.member, s.start) for s in run.lineage.segments if s.parent is not None
        }
        for r in records:
            if r["leaf"]:
                assert real(r["score"]) == real(run.members[r["member"]].score)
    assert len(lines) == found.rows + 1
    assert all(len(line) <= max(width, 45) for line in lines)
    assert sum("●" in line for line in lines) >= 1


def test_the_way_to_a_member_says_why_each_took_over(folder: Path) -> None:
    seen, run = followed(str(folder)), pbt.load(folder)
    for m in run.members:
        way = way_of(seen, m.id)
        path = run.lineage.current[m.id].path()
        assert [(w["member"], w["begin"]) for w in way] == [(s.member, s.start) for s in path]
        assert "was born" in way[0]["why"]
        assert all("took over" in w["why"] or "went back" in w["why"] for w in way[1:])
    told = say("lineage", folder, "--member", 2)
    assert "the way to member 2" in told
    assert "<img onerror=x>" in told
    assert json.loads(say("lineage", folder, "--member", 2, "--json"))["way"] == way_of(seen, 2)
    with pytest.raises(pbt.UnknownMember):
        way_of(seen, 77)


def test_a_decision_is_explained_as_of_a_step(folder: Path) -> None:
    seen, run = followed(str(folder)), pbt.load(folder)
    for d in run.decisions:
        same = [o for o in run.decisions if o.member == d.member and o.step <= d.step]
        assert last_decision(seen, d.member, d.step).entry == same[-1].entry
    exploit = next(d for d in run.decisions if d.exploits)
    found = last_decision(seen, exploit.member, exploit.step)
    lines = list(why_lines(found, run.settings, 60))
    assert any(f"before of member {exploit.parent}" in line for line in lines)
    assert any(line.endswith("its parent") for line in lines)
    assert any("decided on" in line and "low" in line for line in lines)
    for name in SPACE:
        assert any(line.strip().startswith(name) for line in lines)
    said = json.loads(say("explain", folder, exploit.member, exploit.step, "--json"))
    assert (said["entry"], said["sentence"]) == (exploit.entry, found.sentence)
    assert found.sentence.partition(" ")[0] in say("explain", folder, exploit.member, exploit.step, columns=30)
    with pytest.raises(pbt.UnknownMember):
        last_decision(seen, 77)
    with pytest.raises(NotFound, match="up to step -1"):
        last_decision(seen, 0, -1)


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_decision_fits_a_narrow_terminal_and_nothing_is_left_out(folder: Path, width: int) -> None:
    seen, run = followed(str(folder)), pbt.load(folder)
    for d in run.decisions:
        found = last_decision(seen, d.member, d.step)
        lines = list(why_lines(found, run.settings, width))
        whole = " ".join(" ".join(why_lines(found, run.settings, 1000)).split())
        assert all(len(line) <= width for line in lines if " " in line.strip() and "journal entry" not in line), lines
        assert sorted(" ".join(lines).split()) == sorted(whole.split())


def test_a_wide_schedule_is_broken_into_tables_that_fit() -> None:
    names = [f"hyperparameter_{i}" for i in range(12)]
    pieces = [(step, {name: step + i / 7 for i, name in enumerate(names)}) for step in range(3)]
    lines = schedule_lines(pieces, width=60)
    assert all(len(line) <= 60 for line in lines)
    assert lines.count("") == sum(line.startswith("from step") for line in lines) - 1 > 0
    assert {name for line in lines for name in line.split() if "_" in name} == set(names)
    assert len(schedule_lines(pieces)) == 4


def test_watch_ends_with_the_population_and_tells_each_exploit_once(folder: Path) -> None:
    run = pbt.load(folder)
    exploits = [d for d in run.decisions if d.exploits]
    said = say("watch", folder).splitlines()
    assert len([line for line in said if "took over" in line]) == len(exploits) > 0
    assert said[-1].startswith(f"step 12 · {len(run.reports)} reports")
    assert said[-1].endswith(f"{len(exploits)} exploits")
    lines = [json.loads(line) for line in say("watch", folder, "--json").splitlines()]
    assert [(o["exploit"]["entry"], o["exploit"]["member"]) for o in lines[:-1]] == [
        (d.entry, d.member) for d in exploits
    ]
    assert lines[-1]["stands"]["state"] == "finished"
    refused = pbt_run(["watch", folder, "--show", "rate"], folder)
    assert (refused.returncode, "no such hyperparameter" in refused.stderr) == (1, True)


@pytest.mark.slow_but_first
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_watch_ends_on_ctrl_c(tmp_path: Path, options: list[str]) -> None:
    world = FolderWorld(tmp_path)
    Script(world, members=3, space=SPACE).round(1.0, 2.0, 3.0)
    running = subprocess.Popen(
        [*PBT, "watch", str(world.folder), *options], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    time.sleep(2.0)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "Traceback" not in told
    world.close()


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("columns", "rows"), [(120, 30), (60, 16)])
def test_watch_draws_a_table_that_fits_the_terminal(folder: Path, columns: int, rows: int) -> None:
    last = re.split(r"(?:\x1b\[1A\x1b\[2K)+", typed("watch", folder, columns=columns, rows=rows))[-1]
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", last)
    drawn = plain(last).rstrip().splitlines()
    assert len(drawn) <= rows
    assert all(len(line) <= columns for line in drawn)
    assert any("←" in line for line in drawn), "exploits with their reasons"
    assert any(glyph in line for line in drawn for glyph in "▂▃▆▇") is (columns >= 70)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With eight hyperparameters, whose numbers are long."""
    world = FolderWorld(tmp_path_factory.mktemp("many"))
    s = Script(world, members=12, space={f"rate{n}": pbt.Float(1e-6, 1e-4, log=True) for n in range(8)}, steps=2)
    for round in range(2):
        s.round(*(-1.23456e-7 * (member + 1) - round * 1e-9 for member in range(12)))
    world.close()
    return Path(world.folder)


def numbers_of(where: Path) -> set[str]:
    """As the table of members writes them."""
    population = pbt.load(where).population
    members, best = population.members, population.best
    assert best is not None
    values = [best.score, *(m.score for m in members)]
    return {number_text(value) for m in members for value in (*values, *(m.hyperparameters or {}).values())}


@pytest.mark.parametrize("columns", [80, 45, 30, 16])
@pytest.mark.parametrize("command", ["status", "watch"])
def test_no_number_is_cut_where_a_terminal_is_narrow(many: Path, command: str, columns: int) -> None:
    ends = plain(re.split(r"(?:\x1b\[1A\x1b\[2K)+", typed(command, many, columns=columns))[-1])
    found = re.findall(r"-?[\d.]+(?:e[-+]?\d*)?(?=\s|$)|\S*\d…", ends.partition("best")[0])
    assert {n for n in found if "e" in n or "." in n or "…" in n} <= numbers_of(many)


def test_a_table_in_a_file_is_whole(many: Path) -> None:
    shown = say("status", many, columns=80)
    assert {number for number in numbers_of(many) if number not in shown} == set()
    assert "…" not in shown


@pytest.mark.parametrize("columns", [80, 30])
def test_a_run_that_is_printed_is_as_wide_as_its_console(many: Path, columns: int) -> None:
    console = Console(file=io.StringIO(), width=columns)
    with console.capture() as captured:
        console.print(pbt.load(many))
    assert set(re.findall(r"\S+e-\d*", captured.get())) <= numbers_of(many)
    assert ("columns more" if columns == 30 else "hyperparameters more") in captured.get()


def test_of_long_lines_and_values_no_number_is_cut() -> None:
    assert at_gap("lr 0.28 → 0.36", 14) == "lr 0.28 → 0.36"
    assert {at_gap("lr 0.28 → 0.36", n) for n in range(11, 14)} == {"lr 0.28 → …"}
    assert at_gap("lr 0.28 → 0.36", 6) == "lr …"
    value = "Float(1.25e-05, 0.125, log=True, first=(2.5e-05, 0.0625))"
    for most in range(8, len(value)):
        short = without_middle(value, most)
        assert len(short) <= most
        assert set(re.findall(r"[\d.]+(?:e[-\d]*)?", short)) <= set(re.findall(r"[\d.]+(?:e[-\d]*)?", value)), short


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def typed(command: str, *arguments: object, columns: int, rows: int = 30) -> str:
    """What a terminal is sent."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(environment(COLUMNS=columns, LINES=rows, TERM="xterm", NO_COLOR=1))
        os.execv(PBT[0], [*PBT, command, *map(str, arguments)])
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    return text.decode()


def test_populations_are_compared_by_what_differs(folder: Path, tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    played(world, members=4, interval=3, seed=7)
    world.close()
    sides = []
    for where in (folder, world.folder):
        side = Side(str(where))
        follower = Follower(open_journal(str(where)))
        follower.listen(side.hear)
        follower.catch_up()
        sides.append(side)
    assert differing(sides) == {"interval": [1, 3], "members": [6, 4], "turn_steps": [1, 3]}
    said = json.loads(say("compare", folder, world.folder, "--json"))
    for told, where in zip(said["populations"], (folder, world.folder), strict=True):
        run = pbt.load(where)
        assert run.best is not None
        assert (told["best"], told["best_member"], told["best_step"]) == (
            run.best.score,
            run.best.member,
            run.best.step,
        )
        assert told["exploits"] == sum(d.exploits for d in run.decisions)
        assert told["exploit_rate"] == round(told["exploits"] / sum(d.start != "fresh" for d in run.decisions), 4)
    ends = [places[-1]["hyperparameters"] for places in said["schedules"]]
    bests = [pbt.load(where).best for where in (folder, world.folder)]
    assert ends == [b.schedule[b.step - 1] for b in bests if b is not None]
    assert "★" in say("compare", folder, world.folder)
    assert "members\n  " in say("compare", folder, world.folder, columns=24)
    assert "at least two" in pbt_run(["compare", folder], tmp_path).stderr
    empty = FolderWorld(tmp_path / "empty")
    empty.close()
    assert f"{empty.folder}: nothing was created" in pbt_run(["compare", folder, empty.folder], tmp_path).stderr


@pytest.mark.slow
def test_servers_are_watched_and_explained_too(served: ServerWorld) -> None:
    played(served)
    for command in (["watch"], ["lineage", "--member", 1], ["explain"], ["compare"]):
        more = [1] if command[0] == "explain" else [served.url] if command[0] == "compare" else []
        said = say(command[0], served.url, *more, *command[1:], PBT_KEY=KEY)
        assert "member" in said.lower()


@pytest.mark.parametrize("command", [["watch"], ["lineage"], ["explain", "1"], ["schedule"], ["compare", "."]])
def test_where_there_is_nothing_they_say_so(tmp_path: Path, command: list[str]) -> None:
    done = pbt_run([*command[:1], "nowhere", *command[1:]], tmp_path)
    assert done.returncode == 1
    assert "holds no population" in done.stderr


def test_one_of_a_kind_is_not_told_as_several(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    Script(world, members=1, steps=2).report(0, 1.0)
    world.close()
    assert "1 report, 3 journal entries" in say("status", world.folder)
    assert "1 member, 0 exploits" in say("lineage", world.folder)
    assert "1 report, " in repr(pbt.load(world.folder))
    assert counted(1, "entry", "entries") == "1 entry" and counted(2_000, "entry", "entries") == "2,000 entries"
