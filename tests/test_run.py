import os
import re
import resource
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import NotFoundError, StateError, UsageError
from gage.opref import OpRef
from gage.run import (
    Run,
    checked_name,
    has_fact,
    lock_path,
    make_home,
    make_run,
    new_run_id,
    open_run,
    read_fact,
    read_whole,
    run_meta_path,
    run_names,
    tmp_dir,
)
from tests.programs import write
from tests.written import write_run

OPREF = OpRef("", "train")


def test_a_run_is_named_after_its_id(tmp_path):
    run = make_run(OPREF, str(tmp_path))
    assert run.name == run.id
    assert re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", run.id)
    assert run.home == str(tmp_path)
    assert (run.meta_dir, run.user_dir) == (f"{run}.meta", f"{run}.user")
    assert os.listdir(tmp_path) == []


def test_no_two_ids_are_the_same():
    assert len({new_run_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_runs_home_is_closed_to_others(tmp_path, umask):
    before = os.umask(umask)
    try:
        make_home(str(tmp_path / "a" / "b"))
        make_home(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "a" / "b").st_mode) == 0o700


def test_a_home_that_is_a_file_is_told(tmp_path):
    write(str(tmp_path / "home"), "")
    with pytest.raises(NotFoundError, match="not a directory"):
        make_home(str(tmp_path / "home"))
    with pytest.raises(NotFoundError, match="not a directory"):
        make_home(str(tmp_path / "home" / "below"))


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "one.meta", "one.user", "nul\0", "x" * 251, "ü" * 126],
)
def test_a_name_that_a_run_cannot_have_is_refused(name):
    with pytest.raises(UsageError):
        checked_name(name)


@given(st.binary(min_size=1, max_size=60))
def test_any_other_name_will_do(tmp_path, data):
    name = os.fsdecode(data)
    try:
        run = make_run(OPREF, str(tmp_path / "runs"), name=name)
    except UsageError:
        assert name.startswith(".") or {"/", "\0"} & set(name) or name[-5:] in (".meta", ".user")
        return
    os.makedirs(run.meta_dir, exist_ok=True)
    assert open_run(run.run_dir).name == name
    assert name in run_names(run.home)
    os.rmdir(run.meta_dir)


def test_a_run_is_opened_by_any_spelling_of_its_path(tmp_path, monkeypatch):
    run = write_run(tmp_path, name="one", exit=None)
    os.mkdir(run.run_dir)
    assert open_run(f"{run}///").run_dir == run.run_dir
    monkeypatch.chdir(tmp_path)
    assert open_run("one") == Run("one", run.id, OPREF)
    assert open_run("one").home == "."
    monkeypatch.chdir(run.run_dir)
    assert open_run(".").id == run.id


def test_where_there_is_no_run_that_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="no run here"):
        open_run(str(tmp_path / "one"))
    with pytest.raises(NotFoundError, match="no run here"):
        open_run("/")


def test_a_run_of_a_newer_gage_is_refused_by_name(tmp_path):
    run = write_run(tmp_path, exit=None)
    os.unlink(run_meta_path(run, "__schema__"))
    write(run_meta_path(run, "__schema__"), "2\n")
    with pytest.raises(StateError, match="schema 2; this one knows 1"):
        open_run(run.run_dir)


@pytest.mark.parametrize("id", ["", "4F" * 16, "0" * 31, "../../../etc/passwd", "0" * 33])
def test_an_id_that_is_none_is_not_believed(tmp_path, id):
    run = write_run(tmp_path, name="one", exit=None)
    os.unlink(run_meta_path(run, "id"))
    write(run_meta_path(run, "id"), id)
    assert open_run(run.run_dir).id == ""


def test_a_fact_is_read_whole_and_byte_for_byte(tmp_path):
    run = Run(str(tmp_path / "one"), "", None)
    write(run_meta_path(run, "fact"), "a\r\n\udcff\n\n")
    assert read_fact(run, "fact") == "a\r\n\udcff\n"
    write(run_meta_path(run, "large"), "x" * 200_000)
    assert read_fact(run, "large") == "x" * 200_000


def test_a_large_fact_is_read_in_no_time(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"0123456789" * 6_000_000)
    begun = time.monotonic()
    data = read_whole(os.open(path, os.O_RDONLY))
    # To append to it piece by piece took minutes.
    assert time.monotonic() - begun < 5
    assert data == path.read_bytes()


def test_a_fact_that_is_not_there_is_none(tmp_path):
    run = Run(str(tmp_path / "one"), "", None)
    assert read_fact(run, "fact") is None
    write(run_meta_path(run, "file"), "")
    assert read_fact(run, "file", "below") is None
    os.mkdir(run_meta_path(run, "folder"))
    with pytest.raises(IsADirectoryError):
        read_fact(run, "folder")
    assert has_fact(run, "file")
    assert not has_fact(run, "fact")


def test_a_fifo_that_stands_for_a_fact_is_not_waited_for(tmp_path):
    run = Run(str(tmp_path / "one"), "", None)
    os.mkdir(run.meta_dir)
    os.mkfifo(run_meta_path(run, "fact"))
    assert read_fact(run, "fact") == ""


def test_gages_own_places_are_no_runs(tmp_path):
    run = write_run(tmp_path, exit=None)
    tmp_dir(run)
    os.makedirs(os.path.dirname(lock_path(run, "runner")))
    os.makedirs(tmp_path / ".trash.meta")
    assert run_names(str(tmp_path)) == [run.name]
    assert run_names(str(tmp_path / "none")) == []


def test_a_run_is_not_opened_without_its_id_while_descriptors_have_run_out(tmp_path):
    made = write_run(str(tmp_path), "one")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open("/dev/null", os.O_RDONLY)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, limit[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            open_run(str(made))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert open_run(str(made)).id
