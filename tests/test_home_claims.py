import os
import shutil

import pytest

from gage import index
from gage.home_claims import check_home
from gage.listing import INDEX_FROM, SETTLED_SECONDS, read_rows
from gage.locks import make_lock_dir, take
from gage.repair import repair_home
from gage.run import Run
from gage.said import set_label
from gage.trash import delete_run, restore_run
from tests.programs import tree, write
from tests.written import write_run

LONG_AGO = 1_000_000_000


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "runs")


def said(home):
    return [f"{f.severity} {f.what} {f.path}" for f in check_home(home)]


def aged(path):
    os.utime(path, (LONG_AGO, LONG_AGO))


def test_a_home_in_use_is_as_it_should_be(home):
    run = write_run(home)
    set_label(run, "label")
    delete_run(write_run(home))
    write_run(home, name="by-hand")
    os.makedirs(f"{home}/something-else")
    os.makedirs(f"{home}/.tmp/under-way")
    os.makedirs(f"{home}/.locks/{'0' * 32}")
    assert said(home) == []


def test_what_killed_verbs_left_is_told_and_swept(home):
    run = write_run(home)
    file, folder, new = ("a" * 24, "b" * 24, "c" * 24)
    write(f"{home}/.tmp/{file}", "x")
    write(f"{home}/.tmp/{folder}/file", "x")
    write(f"{home}/.tmp/{new}", "x")
    for path in (file, folder):
        aged(f"{home}/.tmp/{path}")
    make_lock_dir(run)
    os.makedirs(f"{home}/.locks/gone/x")
    for name in ("gone", run.name):
        aged(f"{home}/.locks/{name}")
    write(f"{home}/of-others/.tmp/{file}", "x")
    aged(f"{home}/of-others/.tmp/{file}")
    assert said(f"{home}/of-others") == []
    repair_home(f"{home}/of-others")
    assert os.listdir(f"{home}/of-others/.tmp") == [file]
    assert said(home) == [
        f"warning left-over .tmp/{file}",
        f"warning left-over .tmp/{folder}",
        "warning left-over .locks/gone",
    ]
    repair_home(home)
    assert said(home) == []
    assert os.listdir(f"{home}/.tmp") == [new]
    assert os.listdir(f"{home}/.locks") == [run.name]


def test_locks_that_somebody_holds_or_a_deleted_run_may_need_stay(home):
    deleted = write_run(home)
    delete_run(deleted)
    held = Run(f"{home}/held", "", None)
    lock = take(held, "tree")
    for name in (held.name, deleted.name):
        aged(f"{home}/.locks/{name}")
    try:
        assert said(home) == []
        repair_home(home)
    finally:
        os.close(lock)
    assert set(os.listdir(f"{home}/.locks")) == {"held", deleted.name}


def test_two_runs_with_one_id_are_told(home):
    run = write_run(home, name="one")
    shutil.copytree(run.meta_dir, f"{home}/two.meta")
    write_run(home, name="three")
    assert [(f.run_dir, f.what, f.path) for f in check_home(home)] == [
        (f"{home}/one", "mismatch", "one.meta/id"),
        (f"{home}/two", "mismatch", "two.meta/id"),
    ]


def test_what_is_left_of_a_run_is_told(home):
    run = write_run(home)
    os.mkdir(run.run_dir)
    set_label(run, "label")
    shutil.rmtree(run.meta_dir)
    write(f"{home}/file.meta", "x")
    os.symlink("/etc", f"{home}/link.meta")
    assert sorted(said(home)) == [
        "error damaged file.meta",
        "error damaged link.meta",
        f"error missing {run.name}.meta",
        f"note unknown {run.name}.user",
    ]
    before = tree(home)
    repair_home(home)
    assert tree(home) == before


@pytest.mark.parametrize("work", ["delete", "restore", "purge"])
def test_what_was_interrupted_in_the_trash_is_told_and_finished(home, work):
    run = write_run(home)
    os.mkdir(run.run_dir)
    trashed = delete_run(run)
    os.rename(trashed.home, f"{trashed.home}.{work}")
    place = os.path.relpath(f"{trashed.home}.{work}", home)
    if work == "delete":
        os.rename(trashed.run_dir.replace(trashed.home, f"{trashed.home}.{work}"), run.run_dir)
    assert said(home) == [f"warning unfinished {place}"]
    lock = take(run, "runner")
    try:
        # Who deletes or restores holds the lock; who purges needs none.
        assert said(home) == ([f"warning unfinished {place}"] if work == "purge" else [])
    finally:
        os.close(lock)
    repair_home(home)
    assert said(home) == []
    assert os.path.isdir(run.meta_dir) == (work == "restore")
    if work == "delete":
        restore_run(trashed)
        assert os.path.isdir(run.run_dir)


@pytest.fixture
def indexed(home):
    return [write_run(home, config={"lr": 1}) for _ in range(INDEX_FROM)]


def test_an_index_that_says_what_the_files_do_not_is_made_anew(home, indexed, monkeypatch):
    # A file that changed lately is not believed yet, and no test waits for that.
    monkeypatch.setattr("gage.listing.SETTLED_SECONDS", -SETTLED_SECONDS)
    read_rows(home)
    assert os.path.exists(f"{home}/{index.NAME}")
    assert said(home) == []
    os.chmod(f"{indexed[0].meta_dir}/config.json", 0o644)
    write(f"{indexed[0].meta_dir}/config.json", '{"lr": 2}\n')
    assert said(home) == ["warning left-over .index"]
    repair_home(home)
    assert said(home) == []
    with open(f"{home}/{index.NAME}", "wb") as file:
        file.write(b"garbage")
    assert said(home) == ["warning left-over .index"]
    repair_home(home)
    assert said(home) == []
    os.mkdir(f"{home}/{index.NAME}")
    assert said(home) == ["error damaged .index"]
    repair_home(home)
    os.rmdir(f"{home}/{index.NAME}")
    os.mkfifo(f"{home}/{index.NAME}")
    assert said(home) == ["error damaged .index"]
    assert len(read_rows(home)) == len(indexed)
    repair_home(home)
    assert said(home) == []
