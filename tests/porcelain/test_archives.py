"""gage runs export and import: runs go to another machine, and back."""

import os
import signal
import subprocess
import tarfile
import time

import pytest

from gage.facts import log_action
from gage.removing import remove_abandoned
from gage.run import run_names
from tests.pipelines import chain, done
from tests.porcelain.place import gage_on_terminal
from tests.programs import can_be_killed, killed_at, program, read, tree, write
from tests.staged import staged_run


@pytest.fixture
def project(tmp_path):
    """A pipeline that failed in its second step."""
    project = chain(tmp_path / "project")
    assert project.run("all", "lr=20").code == 3
    return project


@pytest.fixture
def elsewhere(tmp_path):
    """An empty directory, and the runs home in it."""
    place = f"{tmp_path}/elsewhere"
    os.mkdir(place)
    return place


@pytest.mark.parametrize("name", ["runs.tar", "runs.tar.gz", "runs.tgz", "runs.tar.zst"])
def test_a_pipeline_goes_with_its_steps_and_is_restarted_there(project, elsewhere, name, tmp_path):
    archive = f"{tmp_path}/{name}"
    project.gage("runs", "label", "to be moved", "all@")
    assert project.gage("runs", "export", "all@", "-o", archive).code == 0
    listed = project.listing()
    project.write("gage.yaml", "all: false\n")
    told = program("gage", "runs", "import", archive, cwd=elsewhere)
    assert (told.code, len(told.out.split()), told.err) == (0, 4, "")
    there = program("gage", "runs", "-s", cwd=elsewhere).out.splitlines()
    assert [" ".join(line.split()[1:]) for line in there] == listed
    told = program("gage", "restart", "all@", "lr=1", "-y", "--needed", cwd=elsewhere)
    assert (told.code, done(told)) == (0, ["restarting train", "running evaluate"])
    assert program("gage", "check", "--runs", cwd=elsewhere).out == "4 runs: ok\n"


def test_what_was_not_started_yet_is_started_there(project, elsewhere, tmp_path):
    project.run("prepare", "n=7", "--stage")
    data = project.gage("runs", "export", "1", "-o", f"{tmp_path}/a.tar")
    assert data.code == 0
    id = program("gage", "runs", "import", f"{tmp_path}/a.tar", cwd=elsewhere).out.strip()
    assert program("gage", "run", "--start", id, cwd=elsewhere).code == 0
    assert program("gage", "cat", "data.txt", cwd=elsewhere).out == "7\n"


def test_archives_go_through_pipes(project, elsewhere):
    script = f"gage -C {project.path} runs export all@ | gzip | gage runs import - | wc -l"
    assert program("sh", "-c", script, cwd=elsewhere).out.strip() == "4"


def test_what_is_here_already_is_said_and_stays(project, tmp_path):
    archive = f"{tmp_path}/a.tar"
    project.gage("runs", "export", "1", "-o", archive)
    before = tree(project.home)
    told = project.gage("runs", "import", archive)
    assert (told.code, told.out) == (0, "")
    assert "is here already, and the same" in told.err
    assert tree(project.home) == before


def test_a_wrong_archive_is_named_and_changes_nothing(project, elsewhere, tmp_path):
    assert program("gage", "runs", "import", "none.tar", cwd=elsewhere).code == 10
    write(f"{tmp_path}/bad.tar", "garbage")
    told = program("gage", "runs", "import", f"{tmp_path}/bad.tar", cwd=elsewhere)
    assert told.code == 30
    assert told.err.startswith(f"gage runs import: {tmp_path}/bad.tar: no tar archive")
    assert program("gage", "runs", cwd=elsewhere).out == ""


@pytest.mark.parametrize("name", ["a.tgz", "a.tar.zst"])
def test_what_would_be_refused_is_not_written_and_a_tar_is_taken(elsewhere, tmp_path, name):
    run = staged_run(f"{tmp_path}/runs", ["truncate", "-s", "150M", "zeros"])
    for verb in ("gage-exec", "gage-finalize"):
        assert program(verb, run.run_dir).code == 0
    write(f"{tmp_path}/{name}", "what was there")
    words = ("gage", "--runs", f"{tmp_path}/runs", "runs", "export", "1", "-o")
    told = program(*words, name, cwd=str(tmp_path))
    assert told.code == 20
    assert told.err.startswith(f"gage runs export: {name}: would grow beyond measure")
    assert "hint: a .tar" in told.err
    assert read(f"{tmp_path}/{name}") == "what was there"
    assert sorted(os.listdir(tmp_path)) == [name, "elsewhere", "runs"]
    assert program(*words, "a.tar", cwd=str(tmp_path)).code == 0
    assert program("gage", "runs", "import", "../a.tar", cwd=elsewhere).code == 0


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.zst"])
def test_a_damaged_archive_is_named_and_leaves_nothing_behind(project, elsewhere, tmp_path, end):
    archive = f"{tmp_path}/a.{end}"
    project.gage("runs", "export", "all@", "-o", archive)
    with open(archive, "rb") as file:
        good = file.read()
    cut = len(good.rstrip(b"\0")) - 1
    flipped = bytearray(good)
    flipped[len(good) // 2 : len(good) // 2 + 64] = bytes(range(64, 128))
    for data in (good[:cut], good[: cut // 2], bytes(flipped)):
        with open(archive, "wb") as file:
            file.write(data)
        told = program("gage", "runs", "import", archive, cwd=elsewhere)
        assert (told.code, told.out) == (30, "")
        assert told.err.startswith(f"gage runs import: {archive}: ")
        assert len(told.err.splitlines()) == 1
        assert run_names(f"{elsewhere}/.gage/runs") == []
        assert os.listdir(f"{elsewhere}/.gage/runs/.tmp") == []


def test_another_state_of_a_run_that_is_here_is_refused(project, tmp_path):
    archive = f"{tmp_path}/a.tar"
    project.gage("runs", "export", "train@", "-o", archive)
    assert project.gage("restart", "-y", "train@", "lr=1").code == 0
    before = tree(project.home)
    told = project.gage("runs", "import", archive)
    assert (told.code, told.out) == (20, "")
    assert "is here already, and not the same: config.json differs" in told.err
    assert tree(project.home) == before


def test_runs_that_were_linked_by_hand_go_along(project, elsewhere, tmp_path):
    """Whatever the run is that they were linked to, and whatever they are called."""
    first, train = project.newest("prepare"), project.newest("train")
    project.run("prepare", "n=8")
    by_hand = f"{project.home}/by-hand"
    for part in ("", ".meta"):
        os.rename(project.newest("prepare").run_dir + part, by_hand + part)
    for step in (by_hand, train.run_dir):
        assert program("gage-link-steps", first.run_dir, step).code == 0
    archive = f"{tmp_path}/a.tar"
    assert project.gage("runs", "export", first.name, "-o", archive).code == 0
    told = program("gage", "runs", "import", archive, cwd=elsewhere)
    assert (told.code, told.err) == (0, "")
    home = f"{elsewhere}/.gage/runs"
    assert {first.name, train.name, "by-hand"} <= {*run_names(home)}
    assert "missing" not in program("gage-link-steps", f"{home}/{first.name}").out


def test_what_was_added_after_a_run_ended_is_named_at_once(project, tmp_path):
    run = project.newest("train")
    write(f"{run.run_dir}/notes.txt", "later\n")
    told = project.gage("runs", "export", "train@", "-o", f"{tmp_path}/a.tar")
    assert told.code == 20
    assert f"{run}/notes.txt: the manifest does not know it\n" in told.err
    assert "hint: move it out of the run" in told.err
    assert not os.path.exists(f"{tmp_path}/a.tar")


def test_a_run_that_is_not_finalized_is_exported_when_it_is(project, elsewhere, tmp_path):
    project.run("prepare", "--stage")
    run = project.newest("prepare")
    assert program("gage-exec", run.run_dir).code == 0
    told = project.gage("runs", "export", "1", "-o", f"{tmp_path}/a.tar")
    assert (told.code, "is not finalized" in told.err) == (20, True)
    command = told.err.splitlines()[-1].removeprefix("hint: ")
    assert program("sh", "-c", command, cwd=project.path).code == 0
    assert project.gage("runs", "export", "1", "-o", f"{tmp_path}/a.tar").code == 0
    assert program("gage", "runs", "import", f"{tmp_path}/a.tar", cwd=elsewhere).code == 0
    assert program("gage", "runs", "-s", cwd=elsewhere).out.split()[1:3] == ["prepare", "completed"]


def test_runs_are_held_while_they_are_exported(project, elsewhere):
    project.run("prepare", "--stage")
    staged, ended = project.newest("prepare"), project.newest("train")
    write(f"{ended.home}/{ended.name}.meta/large", "x" * 1_000_000)
    argv = ["gage", "runs", "export", staged.name, ended.name]
    with subprocess.Popen(argv, cwd=project.path, stdout=subprocess.PIPE) as export:
        data = export.stdout.read(512)  # it has begun, and the pipe is full
        for command in (
            ("run", "--start", staged.name),
            ("restart", "-y", ended.name),
            ("runs", "rm", "-y", ended.name),
            ("runs", "rm", "-y", staged.name),
        ):
            assert project.gage(*command).code == 11, command
        data += export.stdout.read()
    assert export.returncode == 0
    with open(f"{elsewhere}/a.tar", "wb") as file:
        file.write(data)
    told = program("gage", "runs", "import", "a.tar", cwd=elsewhere)
    assert (told.code, len(told.out.split())) == (0, 2)
    assert project.gage("runs", "rm", "-y", staged.name).code == 0


def test_a_run_that_is_running_is_not_exported(project, tmp_path):
    project.write("gage.yaml", "wait: {exec: sleep 60}\n")
    with subprocess.Popen(["gage", "run", "-y", "wait"], cwd=project.path) as running:
        while not any(row.status == "running" for row in project.rows("wait")):
            assert running.poll() is None
            time.sleep(0.05)
        told = project.gage("runs", "export", "1", "-o", f"{tmp_path}/a.tar")
        assert (told.code, "is at work" in told.err) == (11, True)
        assert project.gage("runs", "stop", "-y", "1").code == 0
    assert not os.path.exists(f"{tmp_path}/a.tar")


def test_more_runs_than_files_may_be_open_are_exported(tmp_path):
    home = f"{tmp_path}/.gage/runs"
    for number in range(300):
        run = staged_run(home, ["true"], name=f"r{number:03}")
        log_action(run, "staged")
    script = "ulimit -Sn 128; gage runs export -n 300 -o a.tar"
    told = program("sh", "-c", script, cwd=str(tmp_path))
    assert (told.code, told.err) == (0, "")
    with tarfile.open(f"{tmp_path}/a.tar") as tar:
        assert sum(info.name.endswith(".meta") for info in tar) == 300


def test_an_import_that_takes_long_is_not_swept(project, elsewhere, tmp_path):
    archive = f"{tmp_path}/a.tar"
    project.gage("runs", "export", "all@", "-o", archive)
    with open(archive, "rb") as file:
        data = file.read()
    tmp = f"{elsewhere}/.gage/runs/.tmp"
    argv = ["gage", "runs", "import", "-"]
    with subprocess.Popen(argv, cwd=elsewhere, stdin=subprocess.PIPE) as importing:
        importing.stdin.write(data[: len(data) // 2])
        importing.stdin.flush()
        while not (os.path.isdir(tmp) and os.listdir(tmp)):
            time.sleep(0.05)
        (place,) = os.listdir(tmp)
        while os.stat(f"{tmp}/{place}").st_mtime:  # until it waits for more
            os.utime(f"{tmp}/{place}", (0, 0))
            time.sleep(0.5)
        remove_abandoned(tmp)
        importing.stdin.write(data[len(data) // 2 :])
    assert importing.returncode == 0
    assert program("gage", "check", "--runs", cwd=elsewhere).out == "4 runs: ok\n"


def test_an_archive_is_there_whole_or_not_at_all(project, tmp_path):
    write(f"{tmp_path}/a.tar.gz", "older")
    os.mkfifo(f"{project.newest('train').run_dir}/pipe")
    told = project.gage("runs", "export", "all@", "-o", f"{tmp_path}/a.tar.gz")
    assert told.code == 20
    with open(f"{tmp_path}/a.tar.gz", encoding="utf-8") as file:
        assert file.read() == "older"
    assert [name for name in os.listdir(tmp_path) if name.startswith("a.")] == ["a.tar.gz"]


def test_nothing_is_written_to_a_terminal(project):
    shown, code = gage_on_terminal("runs", "export", "1", cwd=project.path)
    assert ("an archive is nothing for a terminal" in shown, code) == (True, 2)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.xz", "A.ZIP", "a.tbz2"])
def test_a_name_of_another_format_is_refused(project, tmp_path, name):
    told = project.gage("runs", "export", "1", "-o", f"{tmp_path}/{name}")
    assert told.err.endswith("hint: a name ends in .tar, .tar.gz, .tgz, .tar.zst or .tzst\n")
    assert (told.out, told.code) == ("", 2)
    assert not [found for found in os.listdir(tmp_path) if found.lower().startswith("a.")]
    told = project.gage("runs", "export", "1", "-o", f"{tmp_path}/a.2026")
    assert (told.err, told.code) == ("", 0)


def test_which_runs_must_be_said(project):
    assert project.gage("runs", "export").code == 2
    assert project.gage("runs", "export", "-Fo", "none").code == 10


def test_an_export_is_the_same_each_time(project, tmp_path):
    for name in ("a.tar.gz", "b.tar.gz"):
        project.gage("runs", "export", "all@", "-o", f"{tmp_path}/{name}")
    with open(f"{tmp_path}/a.tar.gz", "rb") as a, open(f"{tmp_path}/b.tar.gz", "rb") as b:
        assert a.read() == b.read()
    with tarfile.open(f"{tmp_path}/a.tar.gz") as tar:
        assert {(info.uid, info.uname) for info in tar} == {(0, "")}


@pytest.mark.skipif(not can_be_killed(), reason="strace cannot inject signals here")
def test_an_import_that_is_killed_anywhere_is_repeated(project, tmp_path):
    archive = f"{tmp_path}/a.tar"
    project.gage("runs", "export", "train@", "-o", archive)
    calls = ["mkdir", "rename", "fsync", "unlink", "syncfs", "fchmodat"]
    number = 1
    while True:
        place = f"{tmp_path}/to{number}"
        os.mkdir(place)
        home = f"{place}/.gage/runs"
        argv = ["gage", "runs", "import", archive]
        # strace counts for each of the calls by itself.
        killed = [killed_at(number, [call], argv, place) for call in calls]
        assert program(*argv, cwd=place).code == 0
        assert len(run_names(home)) == 1
        assert program("gage", "check", "--runs", cwd=place).out.endswith("ok\n")
        if not any(killed):
            return
        number += 3


def test_two_imports_of_one_archive_bring_it_in_once(project, elsewhere, tmp_path):
    archive = f"{tmp_path}/a.tar"
    project.gage("runs", "export", "all@", "-o", archive)
    argv = ["gage", "runs", "import", archive]
    both = [
        subprocess.Popen(argv, cwd=elsewhere, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [one.communicate(timeout=60)[1] for one in both]
    assert not any(b"Traceback" in error for error in errors), errors
    assert {one.returncode for one in both} <= {0, 11}
    assert program(*argv, cwd=elsewhere).code == 0
    assert program("gage", "check", "--runs", cwd=elsewhere).out == "4 runs: ok\n"


def test_a_reader_that_goes_away_ends_an_export_quietly(project):
    script = "gage runs export all@ | head -c 10 > /dev/null; exit ${PIPESTATUS[0]}"
    told = program("bash", "-c", script, cwd=project.path)
    assert (told.code, told.err) == (128 + signal.SIGPIPE, "")


def test_what_is_no_regular_file_is_never_replaced(project, tmp_path):
    os.mkfifo(tmp_path / "pipe.tar")
    os.symlink("there.tar", tmp_path / "link.tar")
    write(f"{tmp_path}/there.tar", "old")
    told = project.gage("runs", "export", "1", "-o", f"{tmp_path}/pipe.tar")
    assert (told.code, "no regular file" in told.err) == (20, True)
    assert project.gage("runs", "export", "1", "-o", f"{tmp_path}/link.tar").code == 0
    assert os.readlink(tmp_path / "link.tar") == "there.tar"
    assert os.path.getsize(tmp_path / "there.tar") > 512
