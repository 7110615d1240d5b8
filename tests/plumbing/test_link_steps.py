"""gage-link-steps: links from a pipeline to the runs of its steps."""

import os

import pytest

from gage.errors import StateError, UsageError
from gage.pipeline import link_step
from gage.plumbing.link_steps import link_steps, read_links
from tests.programs import program, write
from tests.staged import staged_run


@pytest.fixture
def parent(tmp_path):
    """A run without steps of its own."""
    return staged_run(tmp_path / "runs", ["gage-run-steps", "."], name="parent")


def step(parent, name):
    return staged_run(parent.home, ["true"], name=name)


def test_a_link_is_relative_and_has_the_name_that_it_was_given(parent):
    link_steps(parent, [("first", step(parent, "a")), ("second", step(parent, "b"))])
    assert os.readlink(f"{parent}/first") == "../a"
    assert [link.name for link in read_links(parent)] == ["first", "second"]
    link_steps(parent, [("first", step(parent, "c"))])
    assert os.readlink(f"{parent}/first") == "../c"


def test_without_a_name_it_has_that_of_the_operation_and_a_number(parent):
    for name in ("a", "b", "c"):
        link_steps(parent, [("", step(parent, name))])
    assert [(link.name, os.path.basename(link.run_dir)) for link in read_links(parent)] == [
        ("test", "a"),
        ("test_2", "b"),
        ("test_3", "c"),
    ]


@pytest.mark.parametrize("name", [".", "..", ".hidden", "a/b", "", "x.meta", "x\0y", "x" * 300])
def test_a_name_is_one_component_of_a_path(parent, name):
    with pytest.raises(UsageError):
        link_step(parent, name, step(parent, "a").run_dir)


def test_a_run_elsewhere_is_no_step(parent, tmp_path):
    elsewhere = staged_run(tmp_path / "others", ["true"])
    with pytest.raises(StateError, match="must lie beside its pipeline"):
        link_steps(parent, [("a", elsewhere)])


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_link_is_not_replaced(parent, kind):
    if kind == "file":
        write(f"{parent}/a", "mine")
    else:
        os.mkdir(f"{parent}/a")
    with pytest.raises(StateError, match="expected a link to a run"):
        link_steps(parent, [("a", step(parent, "a"))])
    assert not os.path.islink(f"{parent}/a")


def test_the_listing_tells_what_is_at_the_end_and_check_answers_by_its_status(tmp_path):
    steps = {"steps": ["a", "b", {"run": "a", "name": "c d"}]}
    parent = staged_run(tmp_path, ["gage-run-steps", "."], name="parent", opdef=steps)
    staged_run(tmp_path, ["true"], name="one")
    told = program("gage-link-steps", parent.run_dir)
    assert told.out == "a\tmissing\t\nb\tmissing\t\nc d\tmissing\t\n"
    os.symlink("../gone", f"{parent}/b")
    assert program("gage-link-steps", parent.run_dir, f"a={tmp_path}/one") == ("", "", 0)
    told = program("gage-link-steps", "-z", parent.run_dir)
    assert told.out == f"a\tok\t{tmp_path}/one\0b\tdangling\t{tmp_path}/gone\0c d\tmissing\t\0"
    assert program("gage-link-steps", "--check", parent.run_dir) == ("", "", 1)
    for name in ("b", "c d"):
        program("gage-link-steps", parent.run_dir, f"{name}={tmp_path}/one")
    assert program("gage-link-steps", "--check", parent.run_dir) == ("", "", 0)


@pytest.mark.parametrize("target", ["/etc", "../..", "../a/b", "..", ".", "../.trash", "/", "loop"])
def test_a_link_that_leaves_the_runs_home_leads_to_no_step(tmp_path, target):
    parent = staged_run(tmp_path, ["true"], name="parent", opdef={"steps": ["loop"]})
    os.symlink(target, f"{parent}/loop")
    with pytest.raises(StateError, match="expected a link to a run"):
        read_links(parent)


def test_a_parent_that_staging_would_empty_again_gets_no_links(tmp_path):
    told = program("gage-init", "runs/all", "--", "gage-run-steps", ".", cwd=tmp_path)
    assert told.code == 0
    one = staged_run(tmp_path / "runs", ["true"], name="one")
    told = program("gage-link-steps", "runs/all", one.run_dir, cwd=tmp_path)
    assert (told.code, told.err) == (
        20,
        "gage-link-steps: runs/all: not staged yet\nhint: gage-stage runs/all\n",
    )
    assert program("gage-stage", "runs/all", cwd=tmp_path).code == 0
    assert program("gage-link-steps", "runs/all", one.run_dir, cwd=tmp_path).code == 0
