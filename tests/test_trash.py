import os
import shutil

import pytest

from gage import locks
from gage.errors import LockedError, NotFoundError, StateError
from gage.listing import read_rows
from gage.repair import repair_home
from gage.run import Run
from gage.said import set_label
from gage.status import run_status
from gage.trash import delete_run, purge_run, restore_run, sweep, trash_rows
from tests.programs import program, read, write
from tests.staged import staged_run
from tests.written import write_run


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "runs")


def whole_run(home, name="", files=("file",)):
    """A run with a run dir, a meta dir and a user dir, read-only as finalize leaves it."""
    run = write_run(home, name=name)
    os.makedirs(os.path.join(run.run_dir, "sub"))
    for file in files:
        path = os.path.join(run.run_dir, "sub", file)
        with open(path, "w", encoding="utf-8") as opened:
            opened.write(run.id)
        os.chmod(path, 0o444)
    set_label(run, "best")
    with locks.holding(run):
        pass  # so that there is a lock to leave behind
    return run


def tree(path):
    """Every path below *path*, and what the files hold."""
    found = {}
    for folder, folders, files in os.walk(path):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), path)] = None
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), path)] = file.read()
    return found


def runs_of(home):
    """The tree of *home* without gage's own places."""
    return {path: data for path, data in tree(home).items() if not path.startswith(".")}


def test_a_deleted_run_is_in_the_trash_and_nowhere_else(home):
    run = whole_run(home)
    before = runs_of(home)
    there = delete_run(run)
    assert read_rows(home) == []
    assert runs_of(home) == {}
    assert tree(os.path.dirname(there.run_dir)) == before
    (row,) = trash_rows(home)
    assert (row.id, row.label, row.status, row.run_dir) == (
        run.id,
        "best",
        "completed",
        there.run_dir,
    )


def test_a_restored_run_is_as_it_was(home):
    run = whole_run(home)
    before = runs_of(home)
    delete_run(run)
    (row,) = trash_rows(home)
    assert restore_run(row.run).run_dir == run.run_dir
    assert runs_of(home) == before
    assert trash_rows(home) == []
    assert os.listdir(os.path.join(home, ".trash")) == []
    assert run_status(run) == "completed"


def test_a_purged_run_leaves_nothing(home):
    run = whole_run(home)
    os.chmod(os.path.join(run.run_dir, "sub"), 0o555)
    other = whole_run(home)
    purge_run(delete_run(run))
    assert trash_rows(home) == []
    left = tree(home)
    assert not [path for path in left if run.id in path]
    assert [path for path in left if other.id in path]
    assert os.listdir(os.path.join(home, ".trash")) == []


def test_a_run_that_is_at_work_is_not_deleted(home):
    run = whole_run(home)
    before = runs_of(home)
    for name in ("runner", "tree"):
        fd = locks.take(run, name)
        with pytest.raises(LockedError):
            delete_run(run)
        os.close(fd)
    assert runs_of(home) == before
    assert trash_rows(home) == []


def test_a_name_can_be_deleted_again_and_again(home):
    ids = []
    for _ in range(3):
        run = whole_run(home, "train")
        ids.append(run.id)
        delete_run(run)
    rows = trash_rows(home)
    assert sorted(row.id for row in rows) == sorted(ids)
    second = next(row for row in rows if row.id == ids[1])
    restore_run(second.run)
    assert [row.id for row in read_rows(home)] == [ids[1]]
    purge_run(next(row for row in rows if row.id == ids[0]).run)
    assert [row.id for row in trash_rows(home)] == [ids[2]]
    # The locks of a name outlive a purge: another run may use them.
    with locks.holding(second.run._replace(run_dir=os.path.join(home, "train"))):
        pass


@pytest.mark.parametrize("part", ["", ".meta", ".user"])
def test_nothing_is_restored_over_what_is_there(home, part):
    run = whole_run(home, "train")
    there = delete_run(run)
    os.mkdir(run.run_dir + part)
    with pytest.raises(StateError, match="in the way"):
        restore_run(there)
    assert [row.id for row in trash_rows(home)] == [run.id]


def test_a_run_without_files_of_its_own_comes_and_goes(home):
    run = write_run(home, exit=None)
    there = delete_run(run)
    restore_run(there)
    assert run_status(run) == "staged"


def test_a_damaged_run_can_be_deleted(home):
    run = whole_run(home)
    os.unlink(os.path.join(run.meta_dir, "id"))
    (row,) = read_rows(home)
    purge_run(delete_run(row.run))
    assert read_rows(home) == trash_rows(home) == []


def test_links_are_moved_and_removed_but_not_followed(home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    run = whole_run(home)
    os.symlink(outside, os.path.join(run.run_dir, "link"))
    purge_run(delete_run(run))
    linked = write_run(home, name="linked")
    os.symlink(outside, linked.run_dir)
    there = delete_run(linked)
    assert os.readlink(there.run_dir) == str(outside)
    purge_run(there)
    assert (outside / "file").read_text() == "precious"


def test_what_is_not_there_is_said(home):
    run = whole_run(home)
    there = delete_run(run)
    for gone in (run, Run(os.path.join(home, "none"), "", None)):
        with pytest.raises(NotFoundError):
            delete_run(gone)
    assert len(os.listdir(os.path.join(home, ".trash"))) == 1
    purge_run(there)
    for verb in (restore_run, purge_run):
        with pytest.raises(NotFoundError):
            verb(there)
        with pytest.raises(StateError, match="not in the trash"):
            verb(run)


def test_what_else_is_in_the_trash_is_left_alone(home):
    delete_run(whole_run(home))
    trash = os.path.join(home, ".trash")
    os.mkdir(os.path.join(trash, "mine"))
    os.mkdir(os.path.join(trash, "0000000000000001-00000000"))
    sweep(home)
    assert "mine" in os.listdir(trash)
    assert len(trash_rows(home)) == 1


def stopped_before(call, work):
    """Do *work* in a process that dies before its rename or rmdir number *call*; whether it did."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(real):
            def wrapped(*args, **kwargs):
                nonlocal count
                count += 1
                if count == call:
                    os._exit(77)
                return real(*args, **kwargs)

            return wrapped

        os.rename, os.rmdir, os.unlink = map(counted, (os.rename, os.rmdir, os.unlink))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 77)
    return code == 77


def test_purging_a_run_leaves_the_locks_to_another_of_its_id(home):
    run = whole_run(home)
    copy = os.path.join(os.path.dirname(home), "copy")
    shutil.copytree(run.meta_dir, copy)
    gone = delete_run(run)
    shutil.copytree(copy, run.meta_dir)
    os.mkdir(run.run_dir)
    with locks.holding(run):
        purge_run(gone)
        with pytest.raises(LockedError):
            locks.take(run, "runner")
    assert os.path.isdir(f"{home}/.locks/{run.name}")
    purge_run(delete_run(run))
    assert not os.path.exists(f"{home}/.locks/{run.name}")


def test_a_deleted_run_is_acted_upon_by_nothing_and_keeps_its_end(tmp_path):
    run = staged_run(tmp_path, "exit 3")
    assert program("gage-exec", run.run_dir).code == 3
    gone = delete_run(run)
    assert run_status(gone) == "exited"
    for verb in ("gage-finalize", "gage-reopen"):
        told = program(verb, gone.run_dir)
        assert told.code != 0 and "gage runs restore" in told.err, (verb, told)
    assert not {".locks", ".tmp"} & set(os.listdir(gone.home))
    os.mkdir(f"{gone.home}/.locks")  # as an earlier gage left it
    back = restore_run(gone)
    assert program("gage-finalize", back.run_dir).code == 0
    assert read(f"{back.meta_dir}/proc/exit") == "3\n"
    assert trash_rows(back.home) == []


def test_what_cannot_be_removed_is_in_the_way_of_nothing_else(home):
    first, second = whole_run(home), whole_run(home)
    gone = delete_run(first)
    delete_run(second)
    place = f"{gone.home}.purge"
    os.rename(gone.home, place)
    stays = f"{place}/{first.name}/sub"
    if program("chattr", "+i", stays).code != 0:
        pytest.skip("no file can be made to stay here")
    try:
        assert [row.name for row in trash_rows(home)] == [second.name]
        with pytest.raises(PermissionError):
            repair_home(home)
    finally:
        program("chattr", "-i", stays)
    repair_home(home)
    assert not os.path.exists(place)


def test_a_deletion_stopped_anywhere_is_finished_or_never_was(home):
    call = 0
    stopped = True
    outcomes = set()
    while stopped:
        call += 1
        run = whole_run(home)
        whole = runs_of(home)
        stopped = stopped_before(call, lambda run=run: delete_run(run))
        listed = [row.id for row in read_rows(home)]
        in_trash = [row.id for row in trash_rows(home)]
        assert sorted(listed + in_trash) == [run.id]
        outcomes.add(bool(in_trash))
        if in_trash:
            assert runs_of(home) == {}
            restore_run(trash_rows(home)[0].run)
        assert runs_of(home) == whole
        purge_run(delete_run(run))
    assert call > 4
    assert outcomes == {True, False}


def test_a_restoration_stopped_anywhere_is_finished_or_never_was(home):
    call = 0
    stopped = True
    while stopped:
        call += 1
        run = whole_run(home)
        whole = runs_of(home)
        there = delete_run(run)
        stopped = stopped_before(call, lambda there=there: restore_run(there))
        in_trash = [row.id for row in trash_rows(home)]
        assert sorted([row.id for row in read_rows(home)] + in_trash) == [run.id]
        if in_trash:
            restore_run(there)
        assert runs_of(home) == whole
        assert os.listdir(os.path.join(home, ".trash")) == []
        purge_run(delete_run(run))
    assert call > 4


def test_a_purge_stopped_anywhere_is_finished_or_never_was(home):
    call = 0
    stopped = True
    while stopped:
        call += 1
        run = whole_run(home, files=("a", "b"))
        there = delete_run(run)
        stopped = stopped_before(call, lambda there=there: purge_run(there))
        if trash_rows(home):
            assert call == 1
            purge_run(there)
        sweep(home)
        assert os.listdir(os.path.join(home, ".trash")) == []
        assert not [path for path in tree(home) if run.id in path]
    assert call > 10


def test_an_interrupted_deletion_does_not_take_a_newer_run_of_that_name(home):
    old = whole_run(home, "train")
    assert stopped_before(2, lambda: delete_run(old))
    assert not os.path.exists(old.meta_dir)
    new = write_run(home, name="train", exit=None)
    sweep(home)
    assert [row.id for row in read_rows(home)] == [new.id]
    assert [row.id for row in trash_rows(home)] == [old.id]


@pytest.mark.parametrize("part", ["", ".user"])
def test_a_restoration_that_was_stopped_gives_way_to_what_has_its_name_since(home, part):
    run = whole_run(home)
    before = runs_of(home)
    place = os.path.dirname(delete_run(run).run_dir)
    os.rename(place, f"{place}.restore")
    os.mkdir(run.run_dir + part)
    write(f"{run.run_dir}{part}/theirs", "")
    (row,) = trash_rows(home)
    assert runs_of(home) == {f"{run.name}{part}": None, f"{run.name}{part}/theirs": b""}
    os.unlink(f"{run.run_dir}{part}/theirs")
    os.rmdir(run.run_dir + part)
    restore_run(row.run)
    assert runs_of(home) == before


def test_what_another_process_is_about_is_left_to_it(home):
    run = whole_run(home)
    there = delete_run(run)
    os.rename(there.home, there.home + ".restore")
    with locks.holding(run):
        sweep(home)
        assert read_rows(home) == []
    sweep(home)
    assert [row.id for row in read_rows(home)] == [run.id]


def test_a_deletion_that_has_just_begun_is_left_to_whoever_began_it(home):
    delete_run(whole_run(home))
    trash = os.path.join(home, ".trash")
    begun = os.path.join(trash, "1700000000000000-00000000.delete")
    os.mkdir(begun)
    sweep(home, now=lambda: 1700000001000000)
    assert os.path.exists(begun)
    sweep(home, now=lambda: 1800000000000000)
    assert not os.path.exists(begun)
