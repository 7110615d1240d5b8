import json
import os

import pytest

from gage.beginning import init_run, init_run_meta
from gage.errors import StateError, UsageError
from gage.opdef import OpCmd, OpDef
from gage.operation import Prepared
from gage.opref import OpRef
from gage.run import make_run, open_run, read_fact, run_meta_path
from gage.said import read_said
from tests.programs import tree, write

OPREF = OpRef("m1", "train")
PREPARED = Prepared(
    OPREF, OpDef("train", {"label": "own", "tags": ["t"]}), {"lr": 0.1}, [], OpCmd("true", {})
)


def begin(home, **more):
    run = make_run(OPREF, str(home), name="one", sync="none")
    init_run_meta(run, OpDef("train", {}), {"x": "\udcff"}, OpCmd(["true"], {}), **more)
    return run


def test_the_facts_are_those_of_the_run(tmp_path):
    run = begin(tmp_path, given=["x"], parent="0" * 32, system={"host": "h"}, now=lambda: 7)
    opened = open_run(run.run_dir)
    assert (opened.id, opened.opref) == (run.id, OPREF)
    assert read_fact(run, "initialized") == "7"
    assert json.loads(read_fact(run, "config.json") or "") == {"x": "\udcff"}
    assert json.loads(read_fact(run, "given.json") or "") == ["x"]
    assert read_fact(run, "parent") == "0" * 32
    assert read_fact(run, "sys", "host.json") == '"h"'


def test_a_fact_that_says_nothing_is_not_there(tmp_path):
    run = begin(tmp_path)
    assert not {"given.json", "parent", "sys"} & set(tree(run.meta_dir))


@pytest.mark.parametrize("part", ["", ".meta"])
@pytest.mark.parametrize("kind", ["a file", "a directory", "a link to nothing"])
def test_what_is_in_the_way_is_left_alone(tmp_path, part, kind):
    path = str(tmp_path / f"one{part}")
    if kind == "a file":
        write(path, "mine")
    elif kind == "a directory":
        os.mkdir(path)
    else:
        os.symlink("nowhere", path)
    before = tree(str(tmp_path))
    with pytest.raises(StateError, match="already exists"):
        begin(tmp_path)
    assert tree(str(tmp_path)) == before


def test_label_and_tags_are_given_or_the_operations_own(tmp_path):
    own = init_run(str(tmp_path / "one"), PREPARED, "/p", sync="none")
    assert read_said(own.home, own.name)[:2] == ("own", ("t",))
    given = init_run(str(tmp_path / "two"), PREPARED, "/p", label="mine", tags=["u"], sync="none")
    assert read_said(given.home, given.name)[:2] == ("mine", ("t", "u"))


@pytest.mark.parametrize("more", [{"label": "a\nb"}, {"tags": ["a b"]}, {"tags": [""]}])
def test_a_label_or_tag_that_cannot_be_begins_nothing(tmp_path, more):
    with pytest.raises(UsageError):
        init_run(str(tmp_path / "runs" / "one"), PREPARED, "/p", sync="none", **more)
    assert os.listdir(tmp_path) == []


def test_a_name_that_cannot_be_makes_no_home(tmp_path):
    with pytest.raises(UsageError):
        init_run(str(tmp_path / "runs" / ".."), PREPARED, "/p")
    with pytest.raises(UsageError, match="no name"):
        init_run("", PREPARED, "/p")
    assert os.listdir(tmp_path) == []


def test_a_run_in_the_current_directory_is_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = init_run("one", PREPARED, "/p", sync="none")
    assert run.run_dir == "./one"
    assert open_run("one").id == run.id


def test_the_beginning_is_logged(tmp_path):
    run = begin(tmp_path, now=lambda: 0)
    with open(run_meta_path(run, "log", "runner"), encoding="utf-8") as file:
        assert file.read() == "1970-01-01T00:00:00.000000Z initialized m1:train\n"
