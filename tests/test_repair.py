import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.claims import check_run
from gage.errors import LockedError
from gage.finding import is_trouble
from gage.locks import take
from gage.repair import is_mendable, repair_run
from gage.run import open_run
from tests.fsck_runs import copied, done, findings, replaced, said, whole_run
from tests.programs import can_be_killed, killed_at, nobody_can_run, open_place, read, tree


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(str(tmp_path_factory.mktemp("whole")))


@pytest.fixture
def run(whole, tmp_path):
    return copied(whole, str(tmp_path))


def repair(run_dir):
    repair_run(open_run(run_dir, sync="none"))


def appended(path, text):
    os.chmod(path, 0o644)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o444)


def hurt_in_every_mendable_way(run):
    """Damage *run* in every way that can be mended."""
    appended(f"{run}.meta/log/runner", "2026-1")
    appended(f"{run}.meta/log/files", "a g 12")
    appended(f"{run}.meta/output/40_run.index", "17 o")
    appended(f"{run}.meta/attempts/1/output/40_run.index", "17 ")
    replaced(run, "proc/lock", "17")
    os.makedirs(f"{os.path.dirname(run)}/.locks/one", exist_ok=True)
    with open(f"{os.path.dirname(run)}/.locks/one/exit.note", "w", encoding="utf-8") as file:
        file.write("0 some-boot\n")
    for path in (f"{run}/made", f"{run}/sub/y", f"{run}.meta/id", f"{run}.meta/manifest"):
        os.chmod(path, 0o644)


def test_what_can_be_mended_is_mended_at_once_and_for_good(run):
    before = tree(run) | tree(f"{run}.meta")
    hurt_in_every_mendable_way(run)
    assert len(findings(run)) == 10
    assert all(map(is_mendable, findings(run)))
    repair(run)
    assert said(run) == []
    after = tree(run) | tree(f"{run}.meta")
    log = after.pop("log/runner")
    assert log[1].startswith(before["log/runner"][1])
    assert log[1].endswith(" repaired: 4 cut, 2 left-over, 4 writable\n")
    assert log[0] == "-r--r--r--"
    del before["log/runner"]
    assert after == before
    repair(run)
    assert read(f"{run}.meta/log/runner") == log[1]


def test_what_is_lost_stays_lost_and_is_said(run):
    hurt_in_every_mendable_way(run)
    for fact in ("staged", "output/20_runtime", "opdef.json"):
        os.unlink(f"{run}.meta/{fact}")
    os.unlink(f"{run}/made")
    replaced(run, "stopped", "garbage\n")
    wanted = [f for f in said(run) if f.startswith("error")]
    assert len(wanted) == 5
    left = tree(f"{run}.meta")
    repair(run)
    assert said(run) == wanted
    assert set(tree(f"{run}.meta")) == set(left) - {"proc/lock"}


def test_a_log_that_is_gone_is_not_begun_anew(run):
    os.unlink(f"{run}.meta/log/runner")
    os.chmod(f"{run}.meta/id", 0o644)
    repair(run)
    assert said(run) == ["error missing .meta/log/runner"]


def test_what_a_reopening_left_is_removed_only_where_it_was_kept(run):
    done("gage-reopen", run)
    for name in ("summary.json", "output/40_run"):
        os.link(f"{run}.meta/attempts/2/{name}", f"{run}.meta/{name}")
    replaced(run, "output/40_run.index", "")
    repair(run)
    assert said(run) == []
    assert os.path.exists(f"{run}.meta/output/40_run.index")
    assert not os.path.exists(f"{run}.meta/summary.json")
    done("gage-exec", "-q", run)
    done("gage-finalize", run)
    assert said(run) == []


@pytest.mark.parametrize("lock", ["runner", "tree"])
def test_a_run_that_somebody_is_at_work_on_is_left_alone(run, lock):
    hurt_in_every_mendable_way(run)
    before = tree(run) | tree(f"{run}.meta")
    held = take(open_run(run), lock)
    try:
        with pytest.raises(LockedError):
            repair(run)
    finally:
        os.close(held)
    assert tree(run) | tree(f"{run}.meta") == before


def test_no_link_is_followed_to_what_is_mended(run, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("runner", "y"):
        (outside / name).write_text("half a line")
    os.rename(f"{run}.meta/log/runner", tmp_path / "runner")
    os.symlink(outside / "runner", f"{run}.meta/log/runner")
    shutil.rmtree(f"{run}/sub")
    os.symlink(outside, f"{run}/sub")
    os.chmod(f"{run}.meta/id", 0o644)
    before = tree(str(outside))
    repair(run)
    assert tree(str(outside)) == before
    assert not any(map(is_mendable, findings(run)))


def test_a_file_with_links_elsewhere_keeps_its_mode(run, tmp_path):
    os.chmod(f"{run}/made", 0o644)
    os.link(f"{run}/made", tmp_path / "theirs")
    repair(run)
    assert os.stat(tmp_path / "theirs").st_mode & 0o777 == 0o644


@settings(max_examples=25)
@given(st.data())
def test_whatever_is_appended_to_logs_and_indexes_a_repair_is_done_once(whole, tmp_path, data):
    run = copied(whole, str(tmp_path / os.urandom(8).hex()))
    fact = data.draw(st.sampled_from(["log/runner", "log/files", "output/40_run.index", "id"]))
    appended(f"{run}.meta/{fact}", data.draw(st.text("a1 \n\\-go:TZ", max_size=12)))
    repair(run)
    left = findings(run)
    assert not any(map(is_mendable, left))
    repair(run)
    assert findings(run) == left


def test_an_ordinary_user_can_mend_what_is_read_only():
    if os.geteuid() != 0 or not nobody_can_run():
        pytest.skip("there is no ordinary user here who can run the programs")
    with open_place() as place:
        whole = _ordinary_run(place)
        done("sh", "-c", _HURT.format(run=whole), nobody=True)
        told = done("gage-fsck", whole, nobody=True, code=1)
        assert sorted(line.split("\t")[2] for line in told.splitlines()) == ["cut", "writable"]
        assert done("gage-fsck", "--repair", whole, nobody=True) == ""
        assert read(f"{whole}.meta/log/runner").endswith(" repaired: 1 cut, 1 writable\n")
        assert done("gage-fsck", whole, nobody=True) == ""


_HURT = (
    "chmod u+w {run}.meta/log/files {run}.meta/id &&"
    " printf 'a g 1' >> {run}.meta/log/files && chmod a-w {run}.meta/log/files"
)


def _ordinary_run(place):
    run = f"{place}/runs/one"
    done("mkdir", f"{place}/project", nobody=True)
    for words in (
        ["gage-init", run, "--", "sh", "-c", "echo x | tee made"],
        *(["gage-stage", run], ["gage-exec", "-q", run], ["gage-finalize", run]),
    ):
        done(*words, nobody=True, cwd=f"{place}/project")
    return run


@pytest.mark.long
@pytest.mark.skipif(not can_be_killed(), reason="strace cannot be used here")
def test_a_repair_that_is_killed_anywhere_is_finished_by_the_next(whole, tmp_path):
    calls = ["openat", "ftruncate", "fchmod", "chmod", "unlinkat", "write", "fsync"]
    for count in range(1, 2000):
        run = copied(whole, str(tmp_path / str(count)))
        hurt_in_every_mendable_way(run)
        killed = killed_at(count, calls, ["gage-fsck", "--repair", run], cwd=str(tmp_path))
        left = check_run(open_run(run))
        assert all(map(is_mendable, filter(is_trouble, left))), (count, left)
        repair(run)
        assert said(run) == [], count
        shutil.rmtree(tmp_path / str(count))
        if not killed:
            return
    raise AssertionError("it never came to its end")
