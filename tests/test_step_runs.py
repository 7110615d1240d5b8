"""The runs of steps: what each would be, and how it begins; and the plan made of them."""

import os

import pytest

from gage.beginning import init_run
from gage.clock import now
from gage.equal_runs import changed_values, find_equal, is_unchanged
from gage.errors import ConfigError, GageError, StateError
from gage.listing import read_rows
from gage.operation import open_operation, prepare
from gage.plumbing.stage import stage_run
from gage.run import open_run, read_fact
from gage.said import read_said
from gage.staging import abandon
from gage.status import run_status
from gage.step_plan import plan_steps
from gage.step_runs import begin_step, links_of, prepare_steps
from gage.upstream import find_parent, sources
from tests.pipelines import chain
from tests.programs import write


@pytest.fixture
def project(tmp_path):
    """A project with a chain of steps."""
    return chain(tmp_path)


def operation(project, name, **given):
    return prepare(open_operation(project.path, name), given)


def begun(project, name, **given):
    prepared = operation(project, name, **given)
    run = init_run(f"{project.home}/", prepared, project.path, sync="none", label="mine")
    return run, prepared


def staged(project, name, **given):
    run, _ = begun(project, name, **given)
    stage_run(run, project.path)
    return run


def link_targets(parent):
    links = [entry for entry in os.scandir(parent.run_dir) if entry.is_symlink()]
    return {entry.name: os.path.basename(os.readlink(entry.path)) for entry in links}


def test_a_step_gets_the_values_of_its_pipeline_and_those_said_for_it(project):
    whole = operation(project, "all", **{"n": "4", "train:extra": "x"})
    steps = prepare_steps(whole.opref, whole.opdef, whole.config, project.path)
    assert [str(step.prepared.opref) for step in steps] == ["prepare", "train", "evaluate"]
    assert steps[0].prepared.config == {"n": 4}
    assert steps[1].prepared.config == {"lr": 0.1, "extra": "x"}
    (only,) = prepare_steps(whole.opref, whole.opdef, whole.config, project.path, ["train"])
    assert only.named.name == "train"


def test_mistakes_name_the_step_within_the_step(project):
    whole = operation(project, "outer", **{"all:train:lr": "word"})
    with pytest.raises(ConfigError, match=r"^step all: step train: lr=word: expected a number"):
        prepare_steps(whole.opref, whole.opdef, whole.config, project.path)


def test_a_step_begins_linked_and_takes_over_the_label(project):
    parent, prepared = begun(project, "all")
    stage_run(parent, project.path)
    steps = {name: open_run(f"{project.home}/{id}") for name, id in link_targets(parent).items()}
    assert set(steps) == {"prepare", "train", "evaluate"}
    for step in steps.values():
        assert read_fact(step, "parent") == parent.id
        assert read_said(step.home, step.name).label == "mine"
        assert run_status(step) == "staged"
        assert str(find_parent(step)) == str(parent)
    assert sources(steps["evaluate"]) == [steps["train"].name, steps["prepare"].name]
    assert sources(steps["prepare"]) == []
    assert sources(parent) is None
    assert prepared.config == {"n": 1, "lr": 0.1}


def test_a_link_to_nothing_tells_the_id_of_the_run_to_make(project):
    parent = staged(project, "all")
    id = link_targets(parent)["train"]
    abandon(open_run(f"{project.home}/{id}"))
    whole = operation(project, "all")
    (step,) = prepare_steps(whole.opref, whole.opdef, whole.config, project.path, ["train"])
    made = begin_step(parent, step, links_of(parent, whole.opdef), now)
    assert made.id == made.name == id


def test_staging_that_was_stopped_leaves_no_step_behind_when_it_is_done_again(project):
    parent, _ = begun(project, "outer")
    write(f"{project.path}/train.py", "lr = (\n")
    with pytest.raises(GageError, match=r"^step all: step train: train.py:1: "):
        stage_run(parent, project.path)
    chain(project.path)
    stage_run(parent, project.path)
    os.unlink(f"{parent.meta_dir}/staged")
    stage_run(parent, project.path)
    assert len(read_rows(project.home)) == 6
    abandon(parent)
    assert read_rows(project.home) == []


def test_the_plan_of_what_is_staged_is_to_run_it(project):
    parent = staged(project, "all")
    assert [(step.named.name, step.action) for step in plan_steps(parent)] == [
        ("prepare", "run"),
        ("train", "run"),
        ("evaluate", "run"),
    ]
    os.unlink(f"{parent.run_dir}/train")
    assert [step.action for step in plan_steps(parent)] == ["run", "make", "run"]


def test_the_plan_stops_at_a_step_that_was_staged_and_changed(project):
    parent = staged(project, "all")
    train = f"{project.home}/{link_targets(parent)['train']}"
    os.chmod(f"{train}/train.py", 0o644)
    write(f"{train}/train.py", "lr = 0.1\nextra = None\n")
    with pytest.raises(StateError, match=r"^step train: .*train.py: not as it was staged"):
        plan_steps(parent)


def test_a_step_is_known_by_its_operation_too(project):
    parent = staged(project, "all")
    links = link_targets(parent)
    os.unlink(f"{parent.run_dir}/evaluate")
    os.symlink(f"../{links['prepare']}", f"{parent.run_dir}/evaluate")
    with pytest.raises(StateError, match=r"^step evaluate: .*: a run of prepare, and the step is"):
        plan_steps(parent)


def test_unchanged_is_what_has_the_same_values_of_the_same_kind(project):
    run = staged(project, "prepare")
    assert is_unchanged(run, {})
    assert is_unchanged(run, {"n": "1"})
    assert changed_values(run, {"n": "2"}) == {"n": "2"}


def test_only_what_completed_is_found_to_be_equal(project):
    run = staged(project, "prepare")
    other = staged(project, "prepare")
    assert find_equal(run, read_rows(project.home)) is None
    write(f"{other.meta_dir}/started", "5\n")
    write(f"{other.meta_dir}/proc/exit", "0\n")
    assert find_equal(run, read_rows(project.home)) == other
    assert find_equal(staged(project, "prepare", n="2"), read_rows(project.home)) is None
    os.unlink(f"{other.meta_dir}/manifest")
    write(f"{other.meta_dir}/config.json", "damaged")
    assert find_equal(run, read_rows(project.home)) is None
