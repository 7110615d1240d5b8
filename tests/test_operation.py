import os

import pytest

from gage.errors import ConfigError, NotFoundError, UsageError
from gage.operation import open_operation, open_words, prepare, with_digest
from tests.programs import write

GAGE_FILE = """
train:
  default: true
  exec: python train.py --out ${out}
  config: train.py
  flags:
    out: model.bin
m1:eval:
  exec: {run: "true", finalize: "echo ${lr}"}
$digest: blake3
"""


@pytest.fixture
def place(tmp_path):
    """A project with two operations and some scripts."""
    write(str(tmp_path / "gage.yaml"), GAGE_FILE)
    write(str(tmp_path / "train.py"), "lr = 0.1\n")
    write(str(tmp_path / "sub" / "other.py"), "n = 3\n")
    write(str(tmp_path / "tool"), "#!/bin/sh\n", 0o755)
    write(str(tmp_path / "notes.txt"), "notes")
    return str(tmp_path)


def prepared(place, *words, **more):
    operation, given = open_words(place, words)
    return prepare(operation, given, **more)


def test_an_operation_is_found_by_its_name(place):
    found = open_operation(place, "train")
    assert (str(found.opref), found.project) == ("train", place)
    assert str(open_operation(place, "m1:eval").opref) == "m1:eval"


def test_without_a_name_the_default_is_meant(place):
    assert str(open_operation(place, None).opref) == "train"


def test_a_project_is_found_from_below(place):
    found = open_operation(os.path.join(place, "sub"), "train")
    assert found.project == place
    assert open_operation(os.path.join(place, "sub"), "other.py").project == place


def test_a_file_is_an_operation(place):
    assert prepared(place, "sub/other.py", "n=4").cmd.args == ["python", "sub/other.py"]
    assert prepared(place, "sub/other.py", "n=4").config == {"n": 4}
    assert prepared(place, "tool").cmd.args == ["./tool"]
    with pytest.raises(ConfigError, match="not executable"):
        prepared(place, "notes.txt")


def test_a_file_needs_no_gage_file(place):
    os.unlink(os.path.join(place, "gage.yaml"))
    made = prepared(place, "train.py")
    assert (made.cmd.args, made.config) == (["python", "train.py"], {"lr": 0.1})
    with pytest.raises(NotFoundError, match="no gage file"):
        open_operation(place, None)
    with pytest.raises(NotFoundError, match="no such file"):
        open_operation(place, "none.py")


def test_what_is_neither_is_refused_by_name(place):
    with pytest.raises(NotFoundError, match="trian: no such operation") as caught:
        open_operation(place, "trian")
    assert caught.value.hint == "did you mean train?"
    with pytest.raises(NotFoundError, match=r"trian\.py: .* and no such file") as caught:
        open_operation(place, "trian.py")
    assert caught.value.hint == "did you mean train.py?"
    os.mkdir(os.path.join(place, "dd.py"))
    with pytest.raises(NotFoundError) as caught:
        open_operation(place, "dd.py")
    assert caught.value.message == "dd.py: a directory, which cannot be run"
    assert "dd.py" not in caught.value.hint
    with pytest.raises(UsageError, match="eval: one operation only"):
        open_words(place, ["train", "eval"])


def test_values_reach_config_and_command(place):
    made = prepared(place, "train", "lr=0.2", "out=a b")
    assert made.config == {"lr": 0.2, "out": "a b"}
    assert made.given == ["lr", "out"]
    assert made.cmd.args == "python train.py --out 'a b'"


def test_a_name_that_nothing_declares_is_refused_unless_forced(place):
    with pytest.raises(ConfigError, match="no such flag"):
        prepared(place, "train", "rate=1")
    made = prepared(place, "train", "rate=1", "lr=high", force=True)
    assert (made.config["rate"], made.config["lr"]) == (1, "high")
    assert "lr" in made.opdef.data["forced"]


def test_a_hook_that_names_what_there_is_not_is_found_at_once(place):
    with pytest.raises(ConfigError, match=r"\$\{lr\}: no such flag or config"):
        prepared(place, "m1:eval")


def test_what_the_project_sets_for_all_goes_along(place):
    made = prepared(place, "train")
    assert made.opdef.data["digest"] == "blake3"
    assert with_digest(made, "sha256").opdef.data["digest"] == "sha256"
    assert prepared(place, "train.py").opdef.data["digest"] == "blake3"
    with pytest.raises(ConfigError, match=r"md5.*no such algorithm"):
        with_digest(made, "md5")
