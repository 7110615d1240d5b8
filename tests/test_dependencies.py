import hashlib
import json
import os

import pytest

from gage.dependencies import take_dependencies
from gage.errors import NotFoundError, StateError
from gage.manifest import Entry, read_manifest
from gage.opdef import Dependency
from gage.run import open_run, run_meta_path
from tests.bounded import bounded
from tests.programs import program, read, tree, write
from tests.written import write_run

PREPARE = "mkdir -p data; echo a > data/a.csv; echo b > data/b.csv; echo log > log"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with the project of an operation that prepares, that we are in."""
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


def define(*depends, project="project", **more):
    data = {
        "prepare": {"exec": PREPARE, "flags": {"n": 1}, "metrics": {"size": "size (.)"}, **more},
        "train": {"exec": "cat data/*", "sourcecode": False, "depends": list(depends)},
        "m1:prepare": {"exec": "echo m1 > out"},
    }
    write(f"{project}/gage.json", json.dumps(data))


def run(name, *words):
    """A run from its beginning to its end; what gage-exec told."""
    assert program("gage-init", f"runs/{name}", "-C", "project", *words).code == 0
    assert program("gage-stage", f"runs/{name}").code == 0
    told = program("gage-exec", f"runs/{name}")
    assert program("gage-finalize", f"runs/{name}").code == 0
    return told


def stage(name, *words):
    assert program("gage-init", f"runs/{name}", "-C", "project", "train", *words).code == 0
    return program("gage-stage", f"runs/{name}")


def taken(name="train"):
    return {entry.path for entry in read_manifest(open_run(f"runs/{name}")) if entry.type == "d"}


def records(name="train"):
    return json.loads(read(f"runs/{name}.meta/dependencies.json"))


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_files_of_a_run_are_copied_and_recorded(place):
    define({"run": "prepare", "files": "data/*.csv"})
    run("first", "prepare")
    assert stage("train") == ("", "", 0)
    assert taken() == {"data/a.csv", "data/b.csv"}
    first = open_run("runs/first")
    assert records() == [
        {
            "path": f"data/{name}.csv",
            "digest": digest(f"{name}\n"),
            "run": first.id,
            "operation": "prepare",
            "file": f"data/{name}.csv",
        }
        for name in "ab"
    ]
    assert Entry("d", digest("a\n"), "data/a.csv") in read_manifest(open_run("runs/train"))
    assert program("gage-exec", "runs/train").out == "a\nb\n"


def test_a_run_that_took_files_outlives_the_one_that_it_took_them_from(place):
    define({"run": "prepare", "files": "data/*.csv"})
    run("first", "prepare")
    stage("train")
    program("rm", "-rf", "runs/first", "runs/first.meta", "project")
    os.rename("runs", "moved")
    assert program("gage-exec", "moved/train") == ("a\nb\n", "", 0)


def test_without_files_it_is_what_was_generated(place):
    define({"run": "prepare"})
    run("first", "prepare")
    stage("train")
    assert taken() == {"data/a.csv", "data/b.csv", "log"}


def test_the_newest_run_that_will_do_is_taken(place):
    define({"run": "prepare", "files": "log", "select": "n < 3"})
    run("one", "prepare", "n=1")
    run("two", "prepare", "n=2")
    run("three", "prepare", "n=3")
    stage("train")
    assert {record["run"] for record in records()} == {open_run("runs/two").id}


def test_another_status_may_be_asked_for(place):
    define({"run": "prepare", "files": "log", "status": "error"}, exec=f"{PREPARE}; exit 3")
    run("one", "prepare")
    stage("train")
    assert taken() == {"log"}


def test_files_go_where_they_are_wanted(place):
    write("project/vocab.txt", "v")
    define(
        {"run": "prepare", "files": "log", "as": "./in//words"},
        {"run": "prepare", "files": "data/*", "as": "flat"},
        {"files": "vocab.txt", "as": "deep/er/"},
    )
    run("one", "prepare")
    assert stage("train").code == 0
    assert taken() == {"in/words", "flat/a.csv", "flat/b.csv", "deep/er/vocab.txt"}
    assert program("gage-manifest", "--check", "runs/train").code == 0


def test_links_and_modes_are_kept(place):
    define({"run": "prepare"}, exec="echo x > x; chmod +x x; ln -s x link; ln -s none dangling")
    run("one", "prepare")
    assert stage("train").code == 0
    held = tree("runs/train")
    assert (held["link"][1], held["dangling"][1]) == ("x", "none")
    assert held["x"][0] == "-r-xr-xr-x"


@pytest.mark.parametrize(
    ("depends", "said"),
    [
        (
            [{"run": "prepare"}],
            "train depends on a completed run of prepare, and there is none in runs\n",
        ),
        (
            [{"run": "prepare", "select": "n > 9"}],
            "train depends on a completed run of prepare where n > 9, and there is none in runs\n",
        ),
        ([{"files": "none.csv"}], "none.csv: no such file in {place}/project"),
        ([{"files": ["a", "b"]}], "a b: no such file"),
    ],
)
def test_what_is_missing_is_said(place, depends, said):
    define(*depends)
    told = stage("train")
    assert told.code == 20
    assert told.err.startswith("gage-stage: " + said.replace("{place}", place))
    assert "\nhint: " in told.err
    assert program("gage-status", "runs/train").out == "pending\n"


def test_files_that_the_run_has_not_are_said(place):
    define({"run": "prepare", "files": "*.bin"})
    run("one", "prepare")
    told = stage("train")
    assert (told.code, told.err) == (
        20,
        "gage-stage: runs/one: has no *.bin, which train depends on\n",
    )


def test_a_run_that_fails_or_is_damaged_is_passed_over(place):
    define({"run": "prepare", "files": "log"})
    run("good", "prepare")
    run("bad", "prepare")
    os.unlink("runs/bad.meta/proc/exit")
    write("runs/bad.meta/proc/exit", "")
    write_run("runs", "prepare", name="newer", start=1 << 52, exit=3)
    assert stage("train").code == 0
    assert {record["run"] for record in records()} == {open_run("runs/good").id}


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
@pytest.mark.parametrize("upstream", ["sha256", "blake3"])
def test_a_file_that_was_changed_since_is_not_taken(place, algorithm, upstream):
    define({"run": "prepare", "files": "log"}, digest=upstream)
    run("one", "prepare")
    assert (
        program("gage-init", "runs/fine", "-C", "project", "train", "--digest", algorithm).code == 0
    )
    assert program("gage-stage", "runs/fine").code == 0
    os.unlink("runs/one/log")
    write("runs/one/log", "forged")
    assert (
        program("gage-init", "runs/two", "-C", "project", "train", "--digest", algorithm).code == 0
    )
    told = program("gage-stage", "runs/two")
    assert told.code == 20
    assert "log: changed since the run was finalized" in told.err


@pytest.mark.parametrize("gone", ["log", "."])
def test_a_file_that_is_gone_is_said(place, gone):
    define({"run": "prepare", "files": "log"})
    run("one", "prepare")
    program("rm", "-rf", os.path.join("runs/one", gone) if gone != "." else "runs/one")
    told = stage("train")
    assert told.code in (12, 20)
    assert "runs/one" in told.err
    assert "Traceback" not in told.err


def test_nothing_is_written_over(place):
    write("project/log", "mine")
    define({"run": "prepare", "files": "log"}, {"files": "log"}, sourcecode=False)
    run("one", "prepare")
    told = stage("train")
    assert told.code == 20
    assert "log: a dependency would overwrite it" in told.err
    define(
        {"run": "prepare", "files": "data/**", "as": "x"},
        exec="mkdir -p data/d; echo > data/d/f; echo > data/f",
    )
    run("two", "prepare")
    told = stage("again")
    assert told.code == 20
    assert "x/f: two files that it depends on would be called so" in told.err


def test_many_files_are_compared_in_time_that_grows_with_their_number(tmp_path):
    other = write_run(tmp_path / "runs", "prepare")
    paths = [f"{number:06}/{number:06}" for number in range(100_000)] + ["x/000000"]
    lines = "".join(f"g {'0' * 64} {path}\n" for path in paths)
    write(run_meta_path(other, "manifest"), lines)
    run = write_run(tmp_path / "runs", exit=None)
    told = bounded(lambda: take_dependencies(run, [Dependency(run="prepare", as_="in")], "", ""))
    assert "000000: two files that it depends on would be called so" in told


@pytest.mark.parametrize("as_", ["../out", "/tmp/out", "a/../../out", ".."])
def test_no_file_is_put_outside_the_run(tmp_path, as_):
    run = write_run(tmp_path / "runs", exit=None)
    os.mkdir(run.run_dir)
    write(str(tmp_path / "project" / "a"), "a")
    dependency = Dependency(files=("a",), as_=as_)
    with pytest.raises(StateError, match="not a path within the run dir"):
        take_dependencies(run, [dependency], str(tmp_path / "project"), "sha256")
    assert not os.path.lexists("/tmp/out")
    assert not os.path.lexists(tmp_path / "runs" / "out")


def test_a_link_in_the_run_dir_is_not_gone_through(tmp_path):
    run = write_run(tmp_path / "runs", exit=None)
    os.mkdir(run.run_dir)
    os.mkdir(tmp_path / "outside")
    os.symlink(tmp_path / "outside", os.path.join(run.run_dir, "there"))
    write(str(tmp_path / "project" / "a"), "a")
    dependency = Dependency(files=("a",), as_="there/a")
    with pytest.raises(StateError, match="in its way is a link"):
        take_dependencies(run, [dependency], str(tmp_path / "project"), "sha256")
    assert os.listdir(tmp_path / "outside") == []


def test_a_project_that_is_gone_is_said(tmp_path):
    run = write_run(tmp_path / "runs", exit=None)
    with pytest.raises(NotFoundError, match="no such directory"):
        take_dependencies(run, [Dependency(files=("a",))], str(tmp_path / "none"), "sha256")
