"""The command line as a user types it, right and wrong."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.opening import folder as folders
from tests.support.scripts import TURNS, environment, pbt_run, status, write

COMMANDS = ["demo", "run", "serve", "status", "doctor", "fetch", "journal", "tensorboard"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    done = pbt_run(["run", "--workers", 2, "--seed", 3, "p", "--", "python", write(folder, TURNS)], folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_help_teaches_every_command(tmp_path: Path) -> None:
    shown = pbt_run(["--help"], tmp_path).stdout
    for name in COMMANDS:
        assert name in shown
        own = pbt_run([name, "--help"], tmp_path)
        assert own.returncode == 0
        assert "Usage: pbt " + name in own.stdout
        assert len(own.stdout.split()) > 30


def test_the_version_is_told(tmp_path: Path) -> None:
    assert "pbt, version" in pbt_run(["--version"], tmp_path).stdout


def test_importing_and_help_load_little() -> None:
    """A heavy import that crept in makes both slow; a clock on a busy machine would not tell it from others' work."""
    count = "print(len(sys.modules))"
    shown = f"import atexit, sys; atexit.register(lambda: {count}); from pbt.cli.main import pbt; pbt(['--help'])"
    for code, most in ((f"import sys, pbt; {count}", 90), (shown, 200)):
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment()
        )
        assert int(done.stdout.split()[-1]) < most


def test_importing_pbt_imports_no_framework() -> None:
    code = (
        "import sys, pbt; pbt.turns, pbt.train, pbt.PBTClient\n"
        "heavy = {'numpy', 'torch', 'uvicorn', 'starlette', 'rich', 'click'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


def test_on_windows_a_folder_is_refused_with_the_reason_and_the_rest_works() -> None:
    code = (
        "import sys\n"
        "sys.modules['fcntl'] = None\n"
        "sys.platform = 'win32'\n"
        "import pbt, pbt.client.remote, pbt.client.original\n"
        "r = pbt.train(lambda g: 0.0, lambda x, h, g: x + h['a'], lambda x, g: x, {'a': pbt.Float(0, 1)},\n"
        "              members=2, steps=2, maximize=True)\n"
        "assert r.best.score > 0\n"
        "try:\n"
        "    pbt.join('runs/x', space={'a': 1.0}, members=1, maximize=True)\n"
        "except pbt.SettingsError as error:\n"
        "    assert 'flock' in str(error) and 'pbt serve' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('not refused')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


@pytest.mark.slow
def test_status_tells_members_best_and_who_waits(trained: Path) -> None:
    shown = pbt_run(["status", "p"], trained)
    assert shown.returncode == 0
    assert "finished" in shown.stdout
    found = status("p", trained)
    assert len(found["members"]) == 8
    assert found["best"]["score"] == max(m["score"] for m in found["members"])
    assert found["waiting_for_a_worker"] == []
    assert found["warnings"] == []


@pytest.mark.slow
def test_status_of_an_unfinished_population_says_who_waits_for_a_worker(tmp_path: Path) -> None:
    code = (
        "import pbt\n"
        "m = pbt.join('p', space={'lr': pbt.Float(0, 1)}, members=3, steps=9, maximize=True)\n"
        "m.report(float('nan'), step=1, save=lambda f: (f / 'x').write_text('x'))\n"
        "import os; os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment())
    found = status("p", tmp_path)
    assert found["waiting_for_a_worker"] == [0, 1, 2]
    assert found["members"][0]["state"] == "orphaned"
    assert found["best"] is None
    assert "reported nan" in found["warnings"][0]
    shown = pbt_run(["status", "p"], tmp_path).stdout
    assert "3 members wait for a worker" in shown
    assert "warning: member 0 reported nan" in shown


def test_the_journal_is_json_lines_with_documented_fields(trained: Path) -> None:
    lines = pbt_run(["journal", "p"], trained).stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert entries[0]["event"]["kind"] == "created"
    documented = (Path(__file__).parent.parent / "docs" / "journal.md").read_text()

    def names(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {n for v in value.values() for n in names(v)}
        return {n for v in value for n in names(v)} if isinstance(value, list) else set()

    data = {"lr"} | {str(i) for i in range(8)}
    assert {n for n in names(entries) - data if f"`{n}`" not in documented} == set()
    assert pbt_run(["journal", "p", "--after", len(lines) - 2], trained).stdout.splitlines() == lines[-2:]


def test_the_help_names_all_that_export_writes_and_no_former_option(tmp_path: Path) -> None:
    assert "CSV or JSON lines; the page as one HTML" in " ".join(pbt_run(["--help"], tmp_path).stdout.split())
    shown = pbt_run(["plot", "--help"], tmp_path).stdout
    assert "--to FILE" in shown
    assert "--out" not in shown


@pytest.mark.slow
def test_tensorboard_files_are_read_back_by_tensorboard(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):
        done = pbt_run(["tensorboard", "p", "--logdir", tmp_path / "tb"], trained)
        assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in pbt_run(["journal", "p"], trained).stdout.splitlines()]
    told: dict[int, list[tuple[int, float]]] = {}
    for entry in entries:
        for report in entry["event"].get("reports", []):
            told.setdefault(report["member"], []).append((report["step"], report["score"]))
    assert len(told) == 8
    for member, points in told.items():
        events = loader.EventAccumulator(str(tmp_path / "tb" / f"member-{member:03d}"))
        events.Reload()
        assert set(events.Tags()["scalars"]) == {"score", "hyperparameters/lr"}
        read = [(e.step, e.value) for e in events.Scalars("score")]
        assert [step for step, _ in read] == [step for step, _ in points]
        assert all(math.isclose(a, b, rel_tol=1e-6) for (_, a), (_, b) in zip(read, points, strict=True))
        assert len(events.Scalars("hyperparameters/lr")) == len(points)


@pytest.mark.slow
def test_tensorboard_files_of_another_population_are_not_mixed(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    assert pbt_run(["tensorboard", "p", "--logdir", tmp_path / "tb"], trained).returncode == 0
    assert pbt_run(["run", "--seed", 4, tmp_path / "q", "--", "python", trained / "train.py"], tmp_path).returncode == 0
    mixed = pbt_run(["tensorboard", tmp_path / "q", "--logdir", tmp_path / "tb"], tmp_path)
    assert mixed.returncode == 1
    assert "another population" in mixed.stderr


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status", "nowhere"], "holds no population"),
        (["journal", "nowhere"], "holds no population"),
        (["tensorboard", "nowhere", "--logdir", "x"], "holds no population"),
        (["status", "ftp://host/x"], "holds no population"),
        (["status", "https://host/x?key=1"], "give a URL such as http://"),
        (["run", "p", "--", "no-such-command"], "can not be started"),
        (["run", "p"], "Missing argument"),
        (["run", "--", "true", "p"], "no FOLDER before --"),
        (["run", "--workers", "1", "--", "true", "p"], "no FOLDER before --"),
        (["run", "--members", "0", "p", "--", "true"], "members is 0"),
        (["run", "--workers", "0", "p", "--", "true"], "at least 1"),
        (["run", "--space", "none.toml", "p", "--", "true"], "No such file"),
        (["run", "--space", "space.toml", "p", "--", "true"], "higher score is better"),
        (["run", "--set", "quantile", "p", "--", "true"], "NAME=VALUE"),
        (["run", "--set", "quantile=2", "p", "--", "true"], "fraction from 0"),
        (["run", "--set", "quantile=abc", "p", "--", "true"], "quantile must be a number, not text; its parameters"),
        (["run", "--set", "factors=0.8", "p", "--", "true"], "factors must be a list; its"),
        (["run", "--set", 'factors=["a"]', "p", "--", "true"], "factors[0] must be a number, not text"),
        (["run", "--set", "burn_in=1.5", "p", "--", "true"], "burn_in must be a whole number; its"),
        (["run", "--gpus", ",", "p", "--", "true"], "name the GPUs"),
        (["run", "--set", "quantil=0.2", "p", "--", "true"], "its parameters are quantile"),
        (["run", "--strategy", "magic", "p", "--", "true"], "no strategy 'magic'"),
        (["serve", "f", "--no-key", "--host", "0.0.0.0"], "every user of the network"),
        (["serve", "f", "--key-file", "none"], "No such file"),
        (["serve", "space.toml/f"], "can not be made"),
        (["run", "space.toml/p", "--", "true"], "can not hold a population: space.toml is a file; name a folder"),
        (["run", "space.toml", "--", "true"], "can not hold a population: space.toml is a file; name a folder"),
        (["fork", "p", "best", "--into", "1", "--set", "lr"], "write NAME=VALUE, such as lr=0.01"),
        (["lineage", "p", "--rows", "0"], "0: at least 4"),
        (["lineage", "p", "--rows", "-3"], "-3: at least 4"),
        (["replay", "p", "--seeds", "0", "--", "true"], "0: at least 1"),
        (["journal", "p", "--after", "-1"], "-1: at least 0"),
        (["ui", ".", "--port", "-1"], "-1 is not in the range"),
        (["nonsense"], "No such command 'nonsense': pbt --help"),
        (["statsu"], "did you mean status"),
        (["run", "p", "true", "--data", "x"], "An option of COMMAND stands after --"),
    ],
)
def test_wrong_input_gets_a_sentence_and_no_traceback(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "space.toml").write_text("[lr]\nmin = 0\nmax = 1\n")
    done = pbt_run(arguments, tmp_path, timeout=30)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "$" not in done.stderr.replace("$PBT", "")
    assert "`" not in done.stderr


def test_a_file_that_is_no_journal_says_so(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "population.json").write_text('{"format":1,"journal":"sqlite"}')
    (tmp_path / "p" / "journal.db").write_bytes(b"rubbish" * 1000)
    done = pbt_run(["status", "p"], tmp_path)
    assert done.returncode == 1
    assert "no whole journal" in done.stderr


def test_no_population_is_begun_where_others_or_somebodys_checkpoints_lie(tmp_path: Path) -> None:
    """It would delete what it does not know from among the checkpoints."""
    given: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "members": 1, "steps": 1, "maximize": True}
    pbt.join(tmp_path / "runs" / "first", **given).close()
    with pytest.raises(pbt.SettingsError, match=r"folder of populations \(first\): name one of them, or a new one"):
        pbt.join(tmp_path / "runs", **given)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["first"]
    mine = tmp_path / "project" / "checkpoints" / "0" / "1-1" / "model.pt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(pbt.SettingsError, match="'checkpoints' that no population made"):
        pbt.join(tmp_path / "project", **given)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("given", [{"members": 2}, {"members": 2, "maximize": True, "space": None}])
def test_refused_settings_begin_nothing(tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for where in (tmp_path / "p", None):
        with pytest.raises(pbt.SettingsError):
            pbt.join(where, **{"space": {"lr": pbt.Float(0, 1)}, "steps": 1} | given)
    assert not list(tmp_path.iterdir())


def test_who_begins_a_population_at_the_same_time_as_others_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for the mark a moment before another makes it, and everything else."""
    given: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "members": 2, "steps": 1, "maximize": True}
    with pbt.join(tmp_path / "p", **given) as other:
        other.report(1.0, step=1, save=lambda folder: (folder / "x").write_text("x"))
        looks, exists = [], Path.exists

        def early(path: Path) -> bool:
            looks.append(path.name)
            first = path.name == "population.json" and looks.count(path.name) == 1
            return exists(path) and not first

        monkeypatch.setattr(Path, "exists", early)
        folders.prepare(tmp_path / "p")


@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_no_journal_is_begun_beside_one_whose_mark_is_gone(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_JOURNAL", kind)
    given: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "members": 1, "steps": 1, "maximize": True}
    pbt.join(tmp_path / "p", **given).close()
    (tmp_path / "p" / "population.json").unlink()
    monkeypatch.delenv("PBT_JOURNAL")
    with pytest.raises(pbt.errors.JournalError, match=r"no population\.json, .* restore that from a copy"):
        pbt.join(tmp_path / "p", **given)


def test_a_folder_of_a_newer_version_says_so(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "population.json").write_text('{"format":2,"journal":"stone"}')
    done = pbt_run(["status", "p"], tmp_path)
    assert done.returncode == 1
    assert "newer pbt" in done.stderr


@pytest.mark.slow
def test_run_chooses_how_a_new_folder_keeps_its_journal(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS)
    done = pbt_run(["run", "--journal", "files", "--workers", 2, "p", "--", "python", script], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p" / "journal" / "000000000001").is_file()
    assert status("p", tmp_path)["state"] == "finished"
    again = pbt_run(["run", "--journal", "sqlite", "p", "--", "python", script], tmp_path)
    assert again.returncode == 0, again.stderr
    assert "keeps its journal as 'files'" in again.stderr
    refused = pbt_run(["run", "--journal", "files", "http://127.0.0.1:1/p", "--", "python", script], tmp_path)
    assert "the server chooses" in refused.stderr
