import os
import sqlite3
import subprocess
import sys
import time

import pytest

from gage import clock, index, listing
from gage.facts import put_fact, remove_fact
from gage.listing import read_rows
from gage.locks import holding
from gage.row import read_row
from gage.run import run_meta_path
from gage.said import set_label
from tests.programs import program
from tests.written import write_run


@pytest.fixture
def indexed(monkeypatch):
    """Every home has an index, and what was just written may be in it."""
    monkeypatch.setattr(listing, "INDEX_FROM", 1)
    monkeypatch.setattr(listing, "SETTLED_SECONDS", -60)


def many_runs(home, count=30):
    return [write_run(home, start=1000 + i, config={"i": i}) for i in range(count)]


def ids(home):
    return [row.id for row in read_rows(str(home))]


def test_the_newest_start_comes_first_and_a_tie_is_broken_by_id(tmp_path):
    old = write_run(tmp_path, start=100)
    staged = write_run(tmp_path, start=302, exit=None)
    a = write_run(tmp_path, start=200, id="a" * 32)
    b = write_run(tmp_path, start=200, id="b" * 32)
    assert ids(tmp_path) == [staged.id, b.id, a.id, old.id]


def test_a_home_that_is_not_there_has_no_runs(tmp_path):
    assert read_rows(str(tmp_path / "none")) == []


def test_what_is_no_run_is_not_listed(tmp_path):
    run = write_run(tmp_path)
    (tmp_path / "file.meta").write_text("")
    (tmp_path / "dir").mkdir()
    os.symlink("nowhere", tmp_path / "dangling.meta")
    assert ids(tmp_path) == [run.id]


FACTS = ["__schema__", "id", "opref", "opdef.json", "config.json", "summary.json", "initialized"]
FACTS += ["staged", "started", "stopped", "proc/exit"]


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe{", b"[" * 100_000, b"9" * 5000, None])
@pytest.mark.parametrize("fact", FACTS)
def test_a_damaged_run_costs_no_more_than_its_own_row(tmp_path, fact, damage):
    good = write_run(tmp_path, start=2, name="good")
    bad = write_run(tmp_path, start=1, name="bad", metrics={"loss": 1.0})
    path = run_meta_path(bad, fact)
    os.unlink(path)
    if damage is None:
        os.mkdir(path)
    else:
        with open(path, "wb") as file:
            file.write(damage)
    rows = {row.name: row for row in read_rows(str(tmp_path))}
    assert set(rows) == {"good", "bad"}
    assert rows["good"].id == good.id
    if fact in ("__schema__", "id", "proc/exit"):
        assert rows["bad"].status == "unknown"
    for name in ("config", "metrics", "tags", "settings"):
        getattr(rows["bad"], name)


def test_an_empty_meta_dir_is_an_unknown_run(tmp_path):
    (tmp_path / "one.meta").mkdir()
    (row,) = read_rows(str(tmp_path))
    assert (row.name, row.status, row.id) == ("one", "unknown", "")


def test_names_of_any_bytes_are_listed(tmp_path, indexed):
    names = {os.fsdecode(name) for name in (b"\xff", b"new\nline", b"n" * 250)}
    for name in names:
        write_run(tmp_path, name=name)
    for _ in range(2):
        assert {row.name for row in read_rows(str(tmp_path))} == names


# ---- the index


def test_an_indexed_row_is_the_row_of_the_files(tmp_path, indexed):
    run = write_run(tmp_path, "m1:t", config={"a": float("inf"), "b": "é\n"}, metrics={"l": 0.5})
    set_label(run, "best")
    many_runs(tmp_path)
    first = read_rows(str(tmp_path))
    assert (tmp_path / index.NAME).exists()
    second = read_rows(str(tmp_path))
    assert [row._replace(vouch=0) for row in first] == [row._replace(vouch=0) for row in second]
    assert all(row.vouch for row in second)
    fresh = [read_row(str(tmp_path), row.name) for row in second]
    assert [row._replace(vouch=0) for row in second] == fresh


def test_a_small_home_gets_no_index(tmp_path):
    many_runs(tmp_path, 5)
    read_rows(str(tmp_path))
    assert not (tmp_path / index.NAME).exists()


def test_what_has_just_changed_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "INDEX_FROM", 1)
    many_runs(tmp_path)
    read_rows(str(tmp_path))
    assert not (tmp_path / index.NAME).exists()


@pytest.fixture
def listed(tmp_path, indexed):
    """Runs that are in an index, all of them completed."""
    runs = many_runs(tmp_path)
    read_rows(str(tmp_path))
    assert len(index.load(str(tmp_path), ["name"], ())) == len(runs)
    return runs


def row_of(run):
    return next(row for row in read_rows(run.home) if row.name == run.name)


def test_the_index_is_not_believed_about_another_exit(listed):
    put_fact(listed[3], "proc", "exit", text="7")
    assert (row_of(listed[3]).status, row_of(listed[3]).exit) == ("error", 7)


def test_the_index_is_not_believed_about_an_exit_written_in_place(listed):
    path = run_meta_path(listed[3], "proc", "exit")
    os.chmod(path, 0o644)
    time.sleep(0.02)  # the clock of the file system goes by ticks
    with open(path, "w", encoding="ascii") as file:
        file.write("7\n")
    assert row_of(listed[3]).status == "error"


def test_the_index_is_not_believed_about_a_run_that_was_reopened(listed):
    remove_fact(listed[3], "proc", "exit")
    with holding(listed[3]):
        assert row_of(listed[3]).status == "running"
    remove_fact(listed[3], "started")
    assert row_of(listed[3]).status == "staged"


def test_the_index_is_not_believed_about_what_was_said(listed):
    set_label(listed[3], "first")
    assert row_of(listed[3]).label == "first"
    time.sleep(0.02)
    set_label(listed[3], "second")
    assert row_of(listed[3]).label == "second"
    for entry in os.listdir(listed[3].user_dir):
        os.unlink(os.path.join(listed[3].user_dir, entry))
    os.rmdir(listed[3].user_dir)
    assert row_of(listed[3]).label == ""


def test_the_index_is_not_believed_about_a_run_that_is_gone(tmp_path, listed):
    os.rename(listed[3].meta_dir, tmp_path / "elsewhere")
    assert listed[3].id not in ids(tmp_path)
    os.rename(tmp_path / "elsewhere", listed[3].meta_dir)
    assert listed[3].id in ids(tmp_path)


def test_the_index_is_not_believed_after_runs_changed_names(tmp_path, listed):
    one, two = listed[3].meta_dir, listed[4].meta_dir
    os.rename(one, tmp_path / "aside")
    os.rename(two, one)
    os.rename(tmp_path / "aside", two)
    assert row_of(listed[3]).id == listed[4].id


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def foreign(tmp_path, sql):
    database = sqlite3.connect(tmp_path / "foreign")
    database.executescript(sql)
    database.close()
    image = (tmp_path / "foreign").read_bytes()
    os.unlink(tmp_path / "foreign")
    return image + index._checksum(image)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"abc",
        lambda data: data[: len(data) // 2],
        lambda data: data + b"x",
        lambda data: flipped(data, 20),
        lambda data: flipped(data, data.index(b"completed")),
        lambda data: bytes(len(data)),
        lambda data: b"junk" * 3 + index._checksum(b"junk" * 3),
    ],
)
def test_a_damaged_index_is_made_anew(tmp_path, listed, damage):
    path = tmp_path / index.NAME
    before = ids(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert ids(tmp_path) == before
    assert {row.status for row in read_rows(str(tmp_path))} == {"completed"}
    assert len(index.load(str(tmp_path), ["name"], ())) == len(listed)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE other (x)",
        f"PRAGMA user_version = {index.FORMAT}; CREATE TABLE runs (name, unknown)",
        "PRAGMA user_version = 99; CREATE TABLE runs (name)",
    ],
)
def test_a_foreign_index_is_made_anew(tmp_path, listed, sql):
    before = ids(tmp_path)
    (tmp_path / index.NAME).write_bytes(foreign(tmp_path, sql))
    assert ids(tmp_path) == before
    assert len(index.load(str(tmp_path), ["name"], ())) == len(listed)


@pytest.mark.parametrize("whose", ["another", "the group", "a link"])
def test_an_index_that_others_could_have_written_is_not_believed(tmp_path, listed, whose):
    path = tmp_path / index.NAME
    if whose == "another":
        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        os.chown(path, 65534, 65534)
    elif whose == "the group":
        path.chmod(0o660)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to("elsewhere")
    assert index.load(str(tmp_path), ["name"], ()) == []
    assert len(read_rows(str(tmp_path))) == len(listed)
    assert not path.is_symlink() and path.stat().st_uid == os.geteuid()  # it is made anew


def test_a_run_whose_meta_dir_is_a_link_is_not_listed(tmp_path, listed):
    os.rename(tmp_path / f"{listed[0].name}.meta", tmp_path / "elsewhere")
    os.symlink("elsewhere", tmp_path / f"{listed[0].name}.meta")
    names = {run.name for run in listed[1:]}
    assert {row.name for row in read_rows(str(tmp_path))} == names
    told = program("gage-ls-runs", "--runs", str(tmp_path), "--format", "%(name)")
    assert set(told.out.split()) == names


def test_an_index_that_cannot_be_read_or_written_does_no_harm(tmp_path, listed):
    before = ids(tmp_path)
    os.unlink(tmp_path / index.NAME)
    (tmp_path / index.NAME).mkdir()
    open_before = os.listdir("/proc/self/fd")
    assert ids(tmp_path) == before
    assert os.listdir("/proc/self/fd") == open_before
    assert os.listdir(tmp_path / ".tmp") == []


def test_sqlite_can_open_the_index(tmp_path, listed):
    """The checksum behind it does not disturb."""
    database = sqlite3.connect(f"file:{tmp_path / index.NAME}?immutable=1", uri=True)
    assert database.execute("SELECT count(*) FROM runs").fetchone() == (len(listed),)
    database.close()


LIST = """
import sys
from gage import listing
listing.INDEX_FROM, listing.SETTLED_SECONDS = 1, -60
for _ in range(20):
    rows = listing.read_rows(sys.argv[1])
    print(len(rows), [row.start for row in rows] == sorted((r.start for r in rows), reverse=True))
"""


def test_ten_who_list_at_once_all_see_everything(tmp_path):
    many_runs(tmp_path, 60)
    command = [sys.executable, "-c", LIST, str(tmp_path)]
    listings = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(10)]
    for process in listings:
        out, _ = process.communicate()
        assert process.returncode == 0
        assert out == "60 True\n" * 20


def test_stamps_order_runs_started_in_one_process(tmp_path):
    runs = [write_run(tmp_path, start=clock.now()) for _ in range(5)]
    assert ids(tmp_path) == [run.id for run in reversed(runs)]
