"""The contract of pipelines and restart, as it was handed to us, its list of things to do too."""

import os
import shutil
import time

import pytest

from tests.pipelines import FAIL, Project, done
from tests.place import SEEDS
from tests.seed import run_seed

SEED = os.path.join(SEEDS, "steps-restart.md")

GAGE_YAML = """\
step-1:
  exec: python step.py

fail:
  exec: python fail.py
  config: fail.py

steps-repeat:
  steps: [step-1, step-1, step-1]

steps-restart:
  flags: {fail: yes}
  steps:
    - fail fail=no
    - fail fail=${fail}
    - step-1
"""


@pytest.mark.skipif(not os.path.exists(SEED), reason=f"the seeds are not beside us: {SEED}")
def test_the_seed_steps_restart_holds_word_for_word(tmp_path):
    with open(SEED, encoding="utf-8") as file:
        assert run_seed(file.read().replace("guild", "gage"), SEED, str(tmp_path)) == 15


@pytest.fixture
def project(tmp_path):
    """The project of the list: fail.py, and a step that is repeated."""
    return Project(tmp_path / "project", GAGE_YAML, fail_py=FAIL, step_py="print('hello step-1')\n")


def test_the_links_of_repeated_steps_lead_to_the_runs_that_were_restarted(project):
    assert project.run("steps-repeat").out == "hello step-1\n" * 3
    parent = project.newest("steps-repeat")
    before = project.steps(parent)
    assert list(before) == ["step-1", "step-1_2", "step-1_3"]
    between = time.time_ns() // 1000
    told = project.restart("steps-repeat@")
    shorts = [before[name].id[:8] for name in before]
    assert told.err.splitlines() == [f"INFO: [gage] restarting step-1: {id}" for id in shorts]
    assert told.out == "hello step-1\n" * 3
    after = project.steps(parent)
    assert {name: row.id for name, row in after.items()} == {n: r.id for n, r in before.items()}
    assert all(row.started > between for row in after.values())
    assert project.gage("select", "steps-repeat@").out == f"{parent.id}\n"
    assert project.listing() == ["step-1 completed"] * 3 + ["steps-repeat completed"]


def test_source_that_is_edited_is_not_picked_up_by_a_restart(project):
    project.run("steps-restart")
    project.write("step.py", "print('edited')\n")
    project.write("fail.py", FAIL.replace("FAIL", "EDITED"))
    again = project.restart("steps-restart@")
    assert (again.code, again.err.splitlines()[-1]) == (1, "FAIL")
    told = project.restart("steps-restart@", "fail=no")
    assert (told.code, told.out) == (0, "hello step-1\n")
    assert done(told) == ["restarting fail", "restarting fail", "running step-1"]


def test_source_that_is_edited_is_picked_up_with_force_sourcecode(project):
    project.run("steps-restart")
    parent = project.newest("steps-restart")
    project.write("step.py", "print('edited')\n")
    project.write("fail.py", FAIL.replace("FAIL", "EDITED"))
    told = project.restart("steps-restart@", "--force-sourcecode")
    assert (told.code, told.err.splitlines()[-1]) == (1, "EDITED")
    # The third step had never started, and was staged with the others.
    told = project.restart("steps-restart@", "--force-sourcecode", "fail=no")
    assert (told.code, told.out) == (0, "edited\n")
    assert project.states(parent) == {
        "fail": "completed fail=no",
        "fail_2": "completed fail=no",
        "step-1": "completed",
    }
    assert project.restart("steps-restart@").code == 0
    project.write("step.py", "print('once more')\n")
    assert project.restart("steps-restart@").out == "edited\n", "an option sticks to a restart"


def test_a_step_whose_flag_is_bad_does_not_start_and_nothing_else_does(project):
    told = project.run("steps-restart", "fail_2:fail=2")
    assert told.code != 0
    assert told.err == (
        "gage run: step fail_2: fail=2: expected yes or no (fail.py:1 has `no`)\n"
        "hint: the flag's `type` in the gage file widens it, --force-flags takes anything\n"
    )
    assert project.listing() == []


def test_a_restart_with_a_bad_flag_of_a_step_changes_nothing(project):
    project.run("steps-restart")
    before = project.listing()
    told = project.restart("steps-restart@", "fail_2:fail=2")
    assert told.code == 125
    assert told.err == (
        "gage restart: step fail_2: fail=2: expected yes or no (fail.py:1 has `yes`)\n"
        "hint: the flag's `type` in the gage file widens it, --force-flags takes anything\n"
    )
    assert project.listing() == before
    assert not os.path.exists(project.newest("steps-restart").meta_dir + "/attempts")


def test_a_link_that_was_deleted_is_made_again_with_a_new_run(project):
    project.run("steps-restart")
    parent = project.newest("steps-restart")
    before = project.steps(parent)
    os.unlink(os.path.join(parent.run_dir, "fail"))
    told = project.restart("steps-restart@", "fail=no")
    assert told.err.splitlines() == [
        "INFO: [gage] running fail: fail fail=no",
        f"INFO: [gage] restarting fail: {before['fail_2'].id[:8]} fail=no",
        "INFO: [gage] running step-1: step-1",
    ]
    after = project.steps(parent)
    assert after["fail"].id != before["fail"].id
    assert after["fail_2"].id == before["fail_2"].id
    assert after["fail"].parent == parent.id
    assert set(project.states(parent).values()) == {"completed fail=no", "completed"}


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_no_link_to_a_run_stops_everything_before_anything_runs(project, kind):
    project.run("steps-restart")
    parent = project.newest("steps-restart")
    path = os.path.join(parent.run_dir, "fail_2")
    os.unlink(path)
    if kind == "file":
        project.write(path, "mine\n")
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.symlink("/etc", path)
    before = project.listing()
    told = project.restart("steps-restart@", "fail=no")
    assert told.code == 125
    assert told.err == (
        f"gage restart: unexpected step run link {path}: expected a link to a run\n"
    )
    assert project.listing() == before
    assert os.path.lexists(path)


def test_a_step_run_that_was_deleted_is_made_again(project):
    project.run("steps-restart")
    parent = project.newest("steps-restart")
    deleted = project.steps(parent)["fail"]
    assert project.gage("runs", "rm", "-y", deleted.id).code == 0
    assert os.path.islink(os.path.join(parent.run_dir, "fail"))
    told = project.restart("steps-restart@", "fail=no")
    assert done(told) == ["running fail", "restarting fail", "running step-1"]
    assert set(project.states(parent).values()) == {"completed fail=no", "completed"}
    assert len(project.steps(parent)) == 3


def test_all_that_is_missing_cannot_be_made_once_the_project_is_gone(project):
    project.run("steps-restart")
    parent = project.newest("steps-restart")
    os.unlink(os.path.join(parent.run_dir, "fail_2"))
    away = project.path + "-runs"
    shutil.copytree(project.home, away, symlinks=True)
    shutil.rmtree(project.path)
    told = project.gage("--runs", away, "restart", "-y", parent.id, "fail=no", cwd="/")
    assert told.code == 125
    assert told.err == f"gage restart: step fail_2: {project.path}: no such directory\n"
