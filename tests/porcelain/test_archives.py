"""gage runs export and import: runs go to another machine, and back."""

import os
import signal
import subprocess
import tarfile

import pytest

from gage.run import run_names
from tests.pipelines import chain, done
from tests.porcelain.place import gage_on_terminal
from tests.programs import can_be_killed, killed_at, program, tree, write


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
