import json
import os
import resource

import pytest

from gage.run import open_run
from gage.standing import Observer
from tests.porcelain.place import HOUR, NOON, at_work, put, write_run, write_steps


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "runs")


def observer(home, id):
    return Observer(open_run(os.path.join(home, id)))


def told(observer):
    return [("/".join(s.path), s.status, s.line) for s in observer.look()]


def pipeline(home, number, steps, **more):
    """Write a pipeline whose steps are links to the runs *steps*, by name; None for no run."""
    facts = {"opdef.json": json.dumps({"steps": [{"run": "x", "name": n} for n in steps]})}
    id = write_run(home, number, "all", facts=facts, **more)
    for name, step in steps.items():
        if step:
            os.symlink(f"../{step}", os.path.join(home, id, name))
    return id


def test_a_run_stands_before_its_steps_and_each_before_its_own(home):
    a = write_run(home, 1, "a", output=b"one\ntwo\n")
    b = write_run(home, 2, "b", exit=3, output=b"10%\r20%")
    inner = pipeline(home, 3, {"a": a})
    outer = pipeline(home, 4, {"first": inner, "b": b, "later": None})
    assert told(observer(home, outer)) == [
        ("", "completed", ""),
        ("first", "completed", ""),
        ("first/a", "completed", "two"),
        ("b", "error", "20%"),
        ("later", None, ""),
    ]


def test_a_step_is_judged_by_what_its_pipeline_expects(home):
    a, b = write_run(home, 1, "a"), write_run(home, 2, "b", exit=3)
    id = pipeline(home, 3, {"a": a, "b": b, "again": a})
    steps = [
        {"run": "x", "name": "a", "expect": {"files": ["none"], "metrics": {"loss": "< 1"}}},
        {"run": "x", "name": "b", "expect": {"exit": 3}},
        {"run": "x", "name": "again"},
    ]
    os.chmod(f"{home}/{id}.meta/opdef.json", 0o644)
    put(f"{home}/{id}.meta/opdef.json", json.dumps({"steps": steps}).encode())
    looks = observer(home, id)
    for _ in range(2):
        told = [(s.unmet, s.is_expected) for s in looks.look()]
        assert told == [
            ("", False),
            ("no file none, no metric loss, expected < 1", False),
            ("", True),
            ("", False),
        ]


def test_a_pipeline_made_by_hand_has_the_steps_that_are_linked(home):
    parent, _, _ = write_steps(home)
    assert told(observer(home, parent)) == [
        ("", "error", ""),
        ("fail", "completed", ""),
        ("fail_2", "error", ""),
    ]


def test_what_was_started_before_the_attempt_is_earlier(home):
    old = write_run(home, 1, "a")
    new = write_run(home, 9, "b")
    standings = observer(home, pipeline(home, 5, {"old": old, "new": new})).look()
    assert [s.is_earlier for s in standings] == [False, True, False]
    assert standings[1].started == NOON + HOUR
    assert standings[1].stopped == NOON + HOUR + 2_100_000


def test_a_pipeline_that_is_a_step_of_itself_has_an_end(home):
    id = pipeline(home, 1, {"me": None})
    os.symlink(f"../{id}", os.path.join(home, id, "me"))
    assert told(observer(home, id)) == [("", "completed", "")]


@pytest.mark.parametrize("opdef", ["", "[]", '{"steps": 3}', '{"steps": [null]}', "{"])
def test_a_damaged_run_is_looked_at_all_the_same(home, opdef):
    id = write_run(home, 1, facts={"opdef.json": opdef})
    assert [s.status for s in observer(home, id).look()] == ["completed"]


def test_every_look_shows_what_has_changed(home):
    step = write_run(home, 2, "a", exit=None)
    parent = pipeline(home, 1, {"a": step}, exit=None)
    looks = observer(home, parent)
    meta = os.path.join(home, step + ".meta")
    assert told(looks) == [("", "staged", ""), ("a", "staged", "")]
    put(f"{home}/{parent}.meta/started", b"%d\n" % NOON)
    put(f"{meta}/started", b"%d\n" % NOON)
    with at_work(home, parent), at_work(home, step):
        put(f"{meta}/output/40_run", b"1%\r2%")
        assert told(looks) == [("", "running", ""), ("a", "running", "2%")]
        put(f"{meta}/output/40_run", b"1%\r2%\r3%")
        assert told(looks)[1] == ("a", "running", "3%")
    put(f"{meta}/stopped", b"%d\n" % (NOON + 5))
    put(f"{meta}/proc/exit", b"2\n")
    standing = looks.look()[1]
    assert (standing.status, standing.stopped) == ("error", NOON + 5)
    # It is restarted: what was the end is not there any more.
    for name in ("proc/exit", "started", "stopped"):
        os.remove(f"{meta}/{name}")
    assert told(looks)[1] == ("a", "staged", "")


def relinked(home):
    """The looks at a pipeline of which the step was seen and then replaced; and its link."""
    a, b = write_run(home, 1, "a", output=b"old\n"), write_run(home, 2, "a", output=b"new\n")
    parent = pipeline(home, 3, {"a": a})
    looks = observer(home, parent)
    assert told(looks)[1] == ("a", "completed", "old")
    link = os.path.join(home, parent, "a")
    os.remove(link)
    os.symlink(f"../{b}", link)
    return looks, link


def test_a_link_that_leads_to_another_run_is_followed(home):
    looks, link = relinked(home)
    assert told(looks)[1] == ("a", "completed", "new")
    os.remove(link)
    os.symlink("/etc", link)
    assert told(looks)[1] == ("a", None, "")


def test_a_step_is_found_again_when_descriptors_no_longer_run_out(home):
    looks, _ = relinked(home)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open("/dev/null", os.O_RDONLY)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, limit[1]))
    try:
        found = looks.look()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert [step.run for step in found[1:]] == [None]
    assert told(looks)[1] == ("a", "completed", "new")
