"""The system around a run: full and read-only disks, users without a home, masks, disks that go."""

import os
import re
import stat
import subprocess

import pytest

from gage.run import read_fact
from gage.status import run_status
from tests.faults.disks import fill, read_only, small_disk, use_inodes
from tests.faults.place import define, mostly_long, quick, runs, staged, statuses
from tests.programs import nobody_can_run, open_place, program, read, tree, wait_until, write

# A full disk

PROJECT = """\
op:
  exec: 'echo hi; echo x > made'
  sourcecode: ['train.py']
  config: train.py
all: {sourcecode: no, steps: [op, op]}
"""


@pytest.fixture(params=["blocks", "inodes"])
def disk(request, tmp_path):
    """A project on a small disk, and a function that fills it all but for so much."""
    inodes = 240 if request.param == "inodes" else 0
    with small_disk(str(tmp_path / "disk"), size="1m", inodes=inodes) as disk:
        write(f"{disk}/gage.yaml", PROJECT)
        write(f"{disk}/train.py", "lr = 1\n")
        yield disk, fill if request.param == "blocks" else use_inodes


def make_room(used):
    for path in [used] if isinstance(used, str) else used:
        os.unlink(path)


VERBS = {
    "init": ([], ["init", "one", "-C", ".", "-l", "label", "-t", "tag", "op"]),
    "init all": ([], ["init", "one", "-C", ".", "all"]),
    "stage": ([["init", "one", "-C", ".", "op", "lr=2"]], ["stage", "one"]),
    "stage all": ([["init", "one", "-C", ".", "all"]], ["stage", "one"]),
    "reopen": (
        [
            ["init", "one", "-C", ".", "op"],
            ["stage", "one"],
            ["exec", "one"],
            ["finalize", "one"],
        ],
        ["reopen", "one", "lr=3"],
    ),
    "finalize": (
        [["init", "one", "-C", ".", "op"], ["stage", "one"], ["exec", "one"]],
        ["finalize", "one"],
    ),
    "link-steps": (
        [*(["init", name, "-C", ".", "op"] for name in ("one", "two")), ["stage", "one"]],
        ["link-steps", "one", "step-with-a-name-that-is-" + "long-" * 40 + "=two"],
    ),
    "run-steps": ([["init", "one", "-C", ".", "all"], ["stage", "one"]], ["run-steps", "one"]),
    "label": ([["init", "one", "-C", ".", "op"]], ["runs", "label", "text", "./one"]),
}

HAVE_ROOM = ("finalize", "link-steps")
"""Verbs that may do with what they find: finalize has taken its room before."""


@pytest.mark.parametrize("verb", VERBS)
def test_on_a_full_disk_a_verb_says_so_and_the_same_works_when_there_is_room(disk, verb):
    place, use_up = disk
    before, words = VERBS[verb]
    for done in before:
        assert quick(*done, cwd=place).code == 0, done
    refused = 0
    for leaving in range(0, 24, 4):
        used = use_up(place, leaving=leaving)
        told = quick(*words, cwd=place)
        make_room(used)
        if told.code == 0:
            break
        refused += 1
        # Where the command is what finds the disk full, the code is the command's.
        assert told.code in ((125, 2) if verb == "run-steps" else (12,)), told
        assert "No space left on device" in told.err
        assert "Traceback" not in told.err
        expected = {"init": "", "stage": "pending", "finalize": "exited"}
        if (wanted := expected.get(verb)) is not None:
            found = quick("status", "one", cwd=place).out.strip()
            assert found == wanted
    else:
        told = quick(*words, cwd=place)
    assert told.code == 0, told
    assert refused or verb in HAVE_ROOM
    if verb in ("init", "label"):
        row = quick("ls-runs", "--runs", place, "--format", "%(label)", cwd=place)
        assert row.out == ("label\n" if verb == "init" else "text\n")
    assert os.listdir(f"{place}/.tmp") == []


def test_on_a_full_disk_a_run_leaves_nothing_half_done_and_later_goes_all_the_way(disk):
    place, use_up = disk
    for leaving in range(0, 60, 6):
        used = use_up(place, leaving=leaving)
        told = quick("run", "op", "-l", "label", cwd=place)
        made = runs(place)
        make_room(used)
        if told.code == 0:
            break
        assert (told.code, "No space left on device" in told.err) == (125, True), told
        # Before it is started it is nobody's loss; afterwards it says how it ended.
        assert [run_status(run) for run in made] in ([], ["staged"])
        for run in made:
            assert quick("run", "--start", run.name, cwd=place).code == 0
            assert quick("runs", "rm", "-y", run.name, cwd=place).code == 0
    assert told.code == 0
    assert statuses(place) == ["completed op"]


def test_on_a_full_disk_runs_are_deleted_and_purged(disk):
    place, use_up = disk
    for _ in range(2):
        assert quick("run", "op", cwd=place).code == 0
    used = use_up(place)
    free = os.statvfs(place).f_bfree, os.statvfs(place).f_ffree
    for words in (
        ["runs", "rm", "-y", "1"],
        ["runs", "rm", "-y", "1"],
        ["runs", "purge", "-y", "1-2"],
    ):
        told = quick(*words, cwd=place)
        assert told.code == 0, told.err
    assert runs(place) == []
    assert (os.statvfs(place).f_bfree, os.statvfs(place).f_ffree) > free
    make_room(used)


def test_a_deleted_run_of_a_full_disk_can_be_brought_back(disk):
    place, use_up = disk
    assert quick("run", "op", cwd=place).code == 0
    before = tree(str(runs(place)[0]) + ".meta")
    make_room_for = use_up(place)
    assert quick("runs", "rm", "-y", "1", cwd=place).code == 0
    assert quick("runs", "restore", "1", cwd=place).code == 0
    assert tree(str(runs(place)[0]) + ".meta") == before
    make_room(make_room_for)


# A disk that is not to be written to, and one that goes


READERS = (
    ["runs"], ["runs", "-s"], ["show", "1"], ["log", "1"], ["ls", "1"], ["cat", "1", "made"],
    ["select", "1"], ["ops"], ["check"], ["run", "op", "--preview"], ["run", "op", "--print"],
    ["runs", "diff", "1", "2"],
)  # fmt: skip


def expect_readers(place, nobody=False):
    for words in READERS:
        told = program("gage", *words, cwd=place, nobody=nobody)
        assert told.code in (0, 1), (words, told)
        assert told.err == "", words


def expect_refused(place, what):
    """Whatever writes says what is wrong in a line, and nothing has changed."""
    before = tree(f"{place}/.gage/runs")
    writers = (
        (["run", "op"], 125),
        (["restart", "-y", "1"], 125),
        (["runs", "rm", "-y", "1"], 12),
        (["runs", "label", "new", "1"], 12),
        (["runs", "comment", "new", "1"], 12),
        (["init", f"{place}/.gage/runs/new", "-C", ".", "op"], 12),
    )
    for words, code in writers:
        told = quick(*words, cwd=place)
        assert told.code == code, (words, told)
        assert re.fullmatch(rf"gage[a-z -]*: \S.*: {what}\n(hint: .*\n)?", told.err), told.err
    assert tree(f"{place}/.gage/runs") == before


def finished_runs(place):
    define(place, op="echo hi; date +%s%N > made")
    for _ in range(2):
        assert quick("run", "op", cwd=str(place)).code == 0


def no_run_in(project, why):
    """What gage run says where the runs home of *project* cannot be written to."""
    home = os.path.realpath(f"{project}/.gage/runs")
    said = f"gage run: {home}: no run can be kept here: {why}\n"
    return said + "hint: --runs DIR keeps them elsewhere\n"


def test_a_read_only_home_is_listed_and_a_run_fails_in_a_line(tmp_path):
    place = str(tmp_path)
    finished_runs(place)
    with read_only(f"{place}/.gage/runs"):
        expect_readers(place)
        expect_refused(place, "Read-only file system")


def test_a_read_only_project_can_be_looked_at_and_run_elsewhere(tmp_path):
    project = str(tmp_path / "project")
    finished_runs(project)
    with read_only(project):
        expect_readers(project)
        told = quick("run", "op", cwd=project)
        assert (told.code, told.err) == (125, no_run_in(project, "Read-only file system"))
        home = str(tmp_path / "elsewhere")
        assert quick("run", "op", "--runs", home, cwd=project).out == "hi\n"
        assert (
            program(
                "gage-status",
                *(f"{home}/{name[:-5]}" for name in os.listdir(home) if name.endswith(".meta")),
            ).out
            == "completed\n"
        )


def test_a_home_that_cannot_be_made_is_said_in_a_line(tmp_path):
    define(tmp_path, op="true")
    with read_only(str(tmp_path)):
        told = quick("run", "op", cwd=tmp_path)
        assert (told.code, told.err) == (125, no_run_in(tmp_path, "Read-only file system"))
        assert quick("runs", cwd=tmp_path) == ("", "", 0)


@pytest.mark.skipif(not nobody_can_run(), reason="an ordinary user cannot run the programs")
@pytest.mark.parametrize("closed", [".gage/runs", "."])
def test_who_may_only_read_lists_and_a_run_fails_in_a_line(closed):
    with open_place() as place:
        define(place, op="echo hi; date +%s%N > made")
        for _ in range(2):
            assert program("gage", "run", "op", cwd=place, nobody=True).code == 0
        # As a home on another's disk is: there, and not to be written to.
        home = f"{place}/.gage/runs"
        for folder in (home, f"{home}/.tmp", f"{home}/.locks"):
            os.chmod(folder, 0o555)
        if closed == ".":
            os.chmod(place, 0o555)
        expect_readers(place, nobody=True)
        told = program("gage", "run", "op", cwd=place, nobody=True)
        assert (told.code, told.err) == (125, no_run_in(place, "Permission denied"))


def test_a_disk_that_goes_while_a_run_runs_costs_that_run_and_no_other(tmp_path):
    place = str(tmp_path)
    define(
        place,
        op='echo $$ > ready; cd /; while test ! -e "$GO"; do sleep 0.02; done; exit 3',
        other="true",
    )
    disk = os.path.join(place, "disk")
    with small_disk(disk, size="4m"):
        os.environ["GO"] = os.path.join(place, "go")
        os.environ["GAGE_RUNS"] = disk
        from tests.programs import begun

        process = begun("gage", "run", "op", cwd=place)
        wait_until(lambda: [n for n in os.listdir(disk) if os.path.exists(f"{disk}/{n}/ready")])
        subprocess.run(["umount", "-l", disk], check=True)
        del os.environ["GAGE_RUNS"]
        write(os.environ["GO"], "")
        assert process.wait(60) == 125
    # What lies under the place where the disk was is as it was.
    assert os.listdir(disk) == []
    assert quick("run", "other", cwd=place).code == 0
    assert statuses(place) == ["completed other"]


def test_what_is_said_of_a_disk_that_went_is_a_line(tmp_path):
    place = str(tmp_path)
    disk = os.path.join(place, "disk")
    with small_disk(disk, size="4m"):
        run = staged(disk, "cd /; umount -l $(dirname $RUN_DIR); echo gone; exit 3")
        told = quick("exec", str(run), cwd=place)
        assert (told.out, told.code) == ("gone\n", 3)
        assert told.err.count("\n") == 1
        assert "the end, 3, could not be noted: No such file or directory\n" in told.err
        told = quick("finalize", str(run), cwd=place)
        assert (told.code, told.err) == (
            10,
            f"gage-finalize: {run}: no run here (one.meta is missing)\n",
        )
    assert os.listdir(disk) == []


# Who has no home


HOMES = ("unset", "/no/such/place", "/proc/1", "relative", "")


@pytest.mark.parametrize("home", mostly_long(HOMES, but_for=HOMES[:1]))
def test_a_run_needs_no_home_directory(tmp_path, home):
    define(tmp_path, op="echo hi")
    without = ["env", "-u", "HOME"] if home == "unset" else ["env", f"HOME={home}"]
    for words in (
        ["run", "op"],
        ["runs"],
        ["show", "1"],
        ["ops"],
        ["restart", "-y", "1"],
        ["help"],
        ["check"],
    ):
        told = program(*without, "gage", *words, cwd=tmp_path)
        assert (told.code, told.err) == (0, ""), (words, told)
    assert statuses(tmp_path) == ["completed op"]


@pytest.mark.skipif(not nobody_can_run(), reason="an ordinary user cannot run the programs")
def test_a_user_without_a_name_is_called_by_the_number(tmp_path):
    with open_place() as place:
        define(place, op="echo hi")
        os.chown(place, 12345, 12345)
        who = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "env", "-i"]
        who += [f"PATH={os.environ['PATH']}", "GAGE_FSYNC=none"]
        for words in (["run", "op"], ["runs"], ["show", "1"], ["restart", "-y", "1"]):
            told = program(*who, "gage", *words, cwd=place)
            assert (told.code, told.err) == (0, ""), (words, told)
        (run,) = runs(place)
        assert read_fact(run, "sys", "user.json") == '"12345"'


# Masks


@pytest.mark.parametrize("umask", mostly_long((0o000, 0o002, 0o022, 0o077), but_for=(0o000, 0o077)))
def test_others_may_not_write_and_the_roots_are_closed_whatever_the_mask(tmp_path, umask):
    place = str(tmp_path / "place")
    os.mkdir(place, 0o755)
    define(place, op="echo hi; echo x > made; chmod 777 made")
    write(f"{place}/gage.yaml", read(f"{place}/gage.yaml") + "all: {steps: [op], sourcecode: no}\n")
    for words in (
        ["run", "op", "-l", "x"],
        ["run", "all"],
        ["restart", "-y", "op@"],
        ["runs", "comment", "x", "1"],
        ["runs", "rm", "-y", "1"],
    ):
        before = os.umask(umask)
        told = quick(*words, cwd=place)
        os.umask(before)
        assert told.code == 0, (words, told)
    home = f"{place}/.gage/runs"
    for root in ("", "/.tmp", "/.locks", "/.trash"):
        assert stat.S_IMODE(os.stat(home + root).st_mode) == 0o700, root
    for path, (mode, _) in tree(f"{place}/.gage", inside=False).items():
        assert mode[0] == "l" or mode[8] == "-", (path, mode)
        facts = ".meta/" in path or ".user/" in path
        if facts and mode[0] == "-":
            assert mode[5] == "-", (path, mode)
        if path.startswith("runs/.locks/"):
            assert mode[4:] == "------", (path, mode)


CONTRACT = {
    "__schema__": "-r--r--r--",
    "config.json": "-r--r--r--",
    "id": "-r--r--r--",
    "initialized": "-r--r--r--",
    "log": "drwxrwxr-x",
    "log/files": "-r--r--r--",
    "log/runner": "-r--r--r--",
    "manifest": "-r--r--r--",
    "opdef.json": "-r--r--r--",
    "opref": "-r--r--r--",
    "output": "drwxrwxr-x",
    "output/40_run": "-r--r--r--",
    "output/40_run.index": "-r--r--r--",
    "proc": "drwxrwxr-x",
    "proc/cmd.json": "-r--r--r--",
    "proc/env.json": "-r--r--r--",
    "proc/exit": "-r--r--r--",
    "staged": "-r--r--r--",
    "started": "-r--r--r--",
    "stopped": "-r--r--r--",
    "sys": "drwxrwxr-x",
}


def test_at_the_mask_of_the_contract_the_modes_are_those_of_the_contract(tmp_path):
    define(tmp_path, op="echo hi; echo x > made")
    assert program("gage", "run", "op", cwd=tmp_path, umask=0o002).code == 0
    (run,) = runs(tmp_path)
    modes = {path: mode for path, (mode, _) in tree(run.meta_dir, inside=False).items()}
    assert {path: modes[path] for path in CONTRACT} == CONTRACT
    others = {mode for path, mode in modes.items() if path not in CONTRACT}
    assert others <= {"-r--r--r--"}
    assert tree(run.run_dir, inside=False)["made"][0] == "-r--r--r--"
