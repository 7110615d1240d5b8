import os

import pytest

from gage.run import open_run
from gage.step_tree import runs_below, step_tree
from tests.porcelain.place import put, write_run, write_steps


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "runs")


def tree(home, id):
    """The tree of the run *id*, each step as its name, link, status and steps."""
    return told(step_tree(open_run(os.path.join(home, id))))


def told(branches):
    return [(b.name, b.state, b.row and b.row.status, told(b.steps)) for b in branches]


def link(home, id, name, target):
    os.symlink(f"../{target}", os.path.join(home, id, name))


def test_steps_stand_below_their_pipeline_and_theirs_below_them(home):
    parent, passed, failed = write_steps(home)
    outer = write_run(home, 4, "all")
    link(home, outer, "first", parent)
    link(home, outer, "last", passed)
    assert tree(home, outer) == [
        (
            "first",
            "ok",
            "error",
            [("fail", "ok", "completed", []), ("fail_2", "ok", "error", [])],
        ),
        ("last", "ok", "completed", []),
    ]
    below = runs_below(step_tree(open_run(os.path.join(home, outer))))
    assert [row.id for row in below] == [parent, passed, failed, passed]


def test_the_links_of_defined_steps_are_told_whatever_they_are(home):
    id = write_run(home, 1, "all", facts={"opdef.json": '{"steps": ["a", "b", "c", "d", "e"]}'})
    step = write_run(home, 2, "a")
    link(home, id, "a", step)
    link(home, id, "b", "f" * 32)
    put(os.path.join(home, id, "c"), b"")
    os.mkdir(os.path.join(home, id, "d"))
    link(home, id, "other", "e" * 32)
    assert tree(home, id) == [
        ("a", "ok", "completed", []),
        ("b", "dangling", None, []),
        ("c", "unexpected", None, []),
        ("d", "unexpected", None, []),
        ("e", "missing", None, []),
    ]


def test_a_run_that_is_no_pipeline_has_no_steps(home):
    id = write_run(home, 1)
    os.symlink("train.py", os.path.join(home, id, "link"))
    link(home, id, "gone", "f" * 32)
    assert tree(home, id) == []


def test_a_pipeline_within_itself_has_an_end(home):
    one, other = write_run(home, 1, "one"), write_run(home, 2, "other")
    link(home, one, "other", other)
    link(home, other, "one", one)
    link(home, one, "one", one)
    assert sorted(tree(home, one)) == [
        ("one", "ok", "completed", []),
        ("other", "ok", "completed", [("one", "ok", "completed", [])]),
    ]


@pytest.mark.parametrize("opdef", ['{"steps": [1]}', "[", '{"steps": ["x --no"]}', None])
def test_a_damaged_pipeline_is_told_by_its_links(home, opdef):
    parent, _, _ = write_steps(home)
    path = os.path.join(home, parent + ".meta", "opdef.json")
    os.remove(path)
    if opdef:
        put(path, opdef.encode())
    assert [name for name, *_ in tree(home, parent)] == ["fail", "fail_2"]


def test_a_pipeline_whose_run_dir_is_gone_has_no_links(home):
    id = write_run(home, 1, "all", facts={"opdef.json": '{"steps": ["a"]}'})
    os.rename(os.path.join(home, id), os.path.join(home, "away"))
    assert tree(home, id) == [("a", "missing", None, [])]
