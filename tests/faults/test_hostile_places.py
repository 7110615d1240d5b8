"""Places that a command, or somebody else, has replaced by links to what is none of ours."""

import os

import pytest

from tests.programs import program, tree, write

REPLACED = (
    "runs/one",
    "runs/one.meta",
    "runs/one.meta/proc",
    "runs/one.meta/output",
    "runs/one.meta/log",
    "runs/one.meta/sys",
    "runs/one.meta/attempts",
    "runs/.tmp",
    "runs/.locks",
    "runs/.locks/one",
    "runs/.trash",
)

VERBS = (
    ("gage-finalize", "runs/one"),
    ("gage-finalize", "runs/one", "--exit-code", "0"),
    ("gage-reopen", "runs/one"),
    ("gage-reopen", "runs/one", "--clean"),
    ("gage-stage", "runs/one"),
    ("gage-exec", "runs/one"),
    ("gage", "--runs", "runs", "restart", "one", "-y"),
    ("gage", "--runs", "runs", "runs", "label", "x", "one"),
    ("gage", "--runs", "runs", "runs", "rm", "one", "-y"),
    ("gage-init", "runs/two", "train"),
)


@pytest.fixture
def outside(tmp_path):
    """A directory with files of the names that gage itself gives, and of others."""
    place = f"{tmp_path}/outside"
    for name in (
        *("exit", "lock", "cmd.json", "env.json", "40_run", "40_run.index", "files", "runner"),
        *("patched", "manifest", "staged", "started", "stopped", "initialized", "id", "opref"),
        *("proc/exit", "proc/lock", "log/runner", "log/files", "output/40_run", "1/proc/exit"),
        *("identity", "tree", "exit.note", "exit.note.reserved", "one/exit.note", "notes.txt"),
        *("train.py", "made", "summary.json"),
    ):
        write(f"{place}/{name}", f"{name} is mine\n", 0o664)
    return place


@pytest.mark.parametrize("place", REPLACED)
def test_what_the_command_replaced_by_a_link_leads_nowhere(tmp_path, outside, place):
    here = f"{tmp_path}/project"
    write(
        f"{here}/gage.yaml",
        f"train:\n  exec: |\n    echo made > made; cd {here}\n"
        f"    [ -L {place} ] && exit 3\n"
        f"    mv {place} {tmp_path}/moved 2>/dev/null; ln -s {outside} {place}; exit 3\n",
    )
    assert program("gage-init", "runs/one", "train", cwd=here).code == 0
    assert program("gage-stage", "runs/one", cwd=here).code == 0
    before = tree(outside)
    told = program("gage-exec", "runs/one", cwd=here)
    assert (told.code, tree(outside)) == (3, before)
    for words in VERBS:
        told = program(*words, cwd=here)
        assert "Traceback" not in told.err, (words, told)
        assert tree(outside) == before, words


@pytest.mark.parametrize("name", [".tmp", ".locks", ".trash", ".index"])
def test_a_link_that_was_planted_in_a_runs_home_is_not_followed(tmp_path, outside, name):
    here = f"{tmp_path}/project"
    write(f"{here}/gage.yaml", "train: echo hello\n")
    home = f"{here}/.gage/runs"
    os.makedirs(home)
    target = outside if name != ".index" else f"{outside}/notes.txt"
    os.symlink(target, f"{home}/{name}")
    before = tree(outside)
    for words in (
        ("run", "train", "-y"),
        ("runs",),
        ("restart", "train", "-y"),
        ("runs", "label", "x", "1"),
        ("runs", "rm", "1", "-y"),
        ("runs", "restore", "1"),
        ("runs", "purge", "1", "-y"),
    ):
        told = program("gage", *words, cwd=here)
        assert "Traceback" not in told.err, (words, told)
        assert tree(outside) == before, words
