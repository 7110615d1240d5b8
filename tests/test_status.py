import os

import pytest

from gage.errors import NotFoundError, StateError
from gage.facts import put_fact, remove_fact
from gage.locks import holding
from gage.row import read_row
from gage.run import lock_path, run_meta_path
from gage.status import boot_id, exit_note, exit_status, expect, run_status, status_at
from tests.programs import begun, program, tree, wait_until, write
from tests.staged import staged_run
from tests.written import write_run

ORDER = ["pending", "staged", "running", "exited", "completed"]


def noted(run, text):
    os.makedirs(os.path.dirname(lock_path(run, "x")), exist_ok=True)
    write(lock_path(run, "exit.note"), text)


@pytest.mark.parametrize(
    ("code", "status"), [(0, "completed"), (1, "error"), (255, "error"), (-9, "terminated")]
)
def test_a_finished_run_is_what_its_exit_code_says(tmp_path, code, status):
    run = write_run(tmp_path, exit=code)
    assert run_status(run) == status_at(run.run_dir) == exit_status(code) == status


def test_every_fact_that_ends_a_phase_makes_the_status(tmp_path):
    run = write_run(tmp_path)
    for fact, status in [
        (("proc", "exit"), "terminated"),
        (("started",), "staged"),
        (("staged",), "pending"),
        (("initialized",), "unknown"),
    ]:
        remove_fact(run, *fact)
        assert run_status(run) == status


def test_only_the_lock_says_that_a_run_is_running(tmp_path):
    run = write_run(tmp_path, exit=None)
    with holding(run):
        assert run_status(run) == "staged"
        put_fact(run, "started", text="3")
        assert run_status(run) == "running"
    assert run_status(run) == "terminated"


@pytest.mark.parametrize("pid", ["1", "ours", "", "garbage", "-1", "99999999999999"])
def test_a_process_id_says_nothing(tmp_path, pid):
    pid = str(os.getpid()) if pid == "ours" else pid
    run = write_run(tmp_path, exit=None)
    put_fact(run, "started", text="3")
    put_fact(run, "proc", "lock", text=pid, end="")
    assert run_status(run) == "terminated"


def test_the_noted_end_counts_in_the_boot_that_noted_it(tmp_path):
    run = write_run(tmp_path, exit=None)
    put_fact(run, "started", text="3")
    noted(run, f"7 {boot_id()}\n")
    assert (run_status(run), exit_note(run)) == ("exited", 7)
    noted(run, "7 00000000-0000-0000-0000-000000000000\n")
    assert (run_status(run), exit_note(run)) == ("terminated", None)


@pytest.mark.parametrize("text", ["", "7", "x y", " " * 64, "\udcff\udcfe", "1 2 3"])
def test_a_note_that_makes_no_sense_is_none(tmp_path, text):
    run = write_run(tmp_path, exit=None)
    put_fact(run, "started", text="3")
    noted(run, text)
    assert (run_status(run), exit_note(run)) == ("terminated", None)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ("__schema__", ""),
        ("__schema__", "one"),
        ("id", ""),
        ("id", "x" * 32),
        ("id", "0" * 16),
        ("proc/exit", ""),
        ("proc/exit", "zero"),
        ("proc/exit", "0\0"),
        ("proc/exit", "9" * 5000),
        ("proc/exit", "\udcff"),
    ],
)
def test_a_damaged_run_is_unknown(tmp_path, fact, text):
    run = write_run(tmp_path)
    os.unlink(run_meta_path(run, fact))
    write(run_meta_path(run, fact), text)
    assert run_status(run) == status_at(run.run_dir) == "unknown"


def test_what_is_no_file_is_no_fact(tmp_path):
    run = write_run(tmp_path)
    os.unlink(run_meta_path(run, "proc/exit"))
    os.mkdir(run_meta_path(run, "proc/exit"))
    assert run_status(run) == "unknown"


def test_a_fact_that_is_a_link_is_no_fact(tmp_path):
    run = write_run(tmp_path)
    os.rename(run_meta_path(run, "proc/exit"), tmp_path / "exit")
    os.symlink(tmp_path / "exit", run_meta_path(run, "proc/exit"))
    assert run_status(run) == "unknown"
    os.unlink(run_meta_path(run, "proc/exit"))
    os.symlink("/dev/zero", run_meta_path(run, "proc/exit"))
    assert run_status(run) == read_row(str(tmp_path), run.name).status == "unknown"


def test_a_note_that_is_a_fifo_notes_nothing(tmp_path):
    run = write_run(tmp_path, exit=None)
    put_fact(run, "started", text="3")
    noted(run, "0 x")
    os.unlink(lock_path(run, "exit.note"))
    os.mkfifo(lock_path(run, "exit.note"))
    assert run_status(run) == "terminated"


def test_where_there_is_no_run_there_is_no_status(tmp_path):
    with pytest.raises(NotFoundError):
        status_at(str(tmp_path / "one"))


def test_to_look_changes_nothing(tmp_path):
    run = write_run(tmp_path, exit=None)
    put_fact(run, "started", text="3")
    before = tree(str(tmp_path))
    assert run_status(run) == "terminated"
    assert tree(str(tmp_path)) == before


@pytest.mark.parametrize(
    ("is_", "wanted", "said"),
    [
        ("pending", "staged", "not staged yet"),
        ("staged", "running", "not started yet"),
        ("staged", "pending", "already staged"),
        ("running", "staged", "already running"),
        ("exited", "staged", "already run, and not finalized yet"),
        ("completed", "staged", "already finished"),
        ("error", "pending", "already finished, with an error"),
        ("terminated", "staged", "already finished, terminated"),
        ("unknown", "staged", "a fact is missing or damaged"),
    ],
)
def test_another_status_than_expected_is_said_for_what_it_is(tmp_path, is_, wanted, said):
    codes = {"completed": 0, "error": 1, "terminated": -15}
    run = write_run(tmp_path, exit=codes.get(is_))
    if is_ == "pending":
        remove_fact(run, "staged")
    if is_ == "unknown":
        remove_fact(run, "id")
    if is_ in ("running", "exited"):
        put_fact(run, "started", text="3")
    if is_ == "exited":
        noted(run, f"0 {boot_id()}")
    with holding(run) if is_ == "running" else open(os.devnull):
        assert run_status(run) == is_
        expect(run, is_) if is_ != "unknown" else None
        with pytest.raises(StateError) as caught:
            expect(run, wanted, hint="do it")
    assert said in caught.value.message
    assert caught.value.hint


def test_readers_see_a_life_go_one_way(tmp_path):
    run = staged_run(tmp_path, ["sleep", "0.2"])
    os.unlink(run_meta_path(run, "staged"))
    seen = []
    script = 'gage-stage "$1" -C . && gage-exec "$1" && gage-finalize "$1"'
    os.mkdir(tmp_path / "project")
    life = begun("sh", "-c", script, "sh", run.run_dir, cwd=str(tmp_path / "project"))
    while life.poll() is None:
        status = run_status(run)
        if status not in seen[-1:]:
            seen.append(status)
    assert life.wait() == 0
    seen.append(run_status(run))
    assert set(seen) <= set(ORDER)
    assert [ORDER.index(status) for status in seen] == sorted(ORDER.index(s) for s in seen)
    assert {"pending", "running", "completed"} <= set(seen)


def test_a_runner_that_is_killed_leaves_a_terminated_run(tmp_path):
    run = staged_run(tmp_path, ["sleep", "60"])
    runner = begun("gage-exec", run.run_dir, cwd=str(tmp_path))
    wait_until(lambda: run_status(run) == "running")
    runner.kill()
    runner.wait()
    wait_until(lambda: run_status(run) == "terminated")
    wait_until(lambda: program("gage-finalize", run.run_dir).code != 11)
    assert (tmp_path / "one.meta" / "proc" / "exit").read_text() == "-9\n"
