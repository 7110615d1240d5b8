import json

import pytest

from tests.porcelain.place import gage

GAGE_FILE = """\
prepare:
  description: Download the data
  exec: python prepare.py
train:
  description: |
    Train the model
    at length
  default: true
  exec: python train.py --out ${out}
  config: train.py
  flags:
    lr: {type: number, min: 0, max: 1}
    out: {default: model.bin, description: where it goes}
    kind: {choices: [a, b], default: a}
m1:fail: python fail.py
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "gage.yaml").write_text(GAGE_FILE)
    (tmp_path / "train.py").write_text("lr = 0.1\nepochs = 3\n")
    return tmp_path


def test_operations_are_listed_with_what_they_are_for(place):
    assert gage("ops", cwd=place) == (
        "prepare          Download the data\ntrain (default)  Train the model\nm1:fail\n",
        "",
        0,
    )


def test_flags_are_shown_with_their_values_and_limits(place):
    wanted = (
        "train (default)  Train the model\n"
        "    lr=0.1         number, at least 0, at most 1\n"
        "    epochs=3\n"
        "    out=model.bin  where it goes\n"
        "    kind=a         one of a, b\n"
    )
    assert gage("ops", "train", cwd=place).out == wanted
    shown = gage("ops", "-v", cwd=place).out.splitlines()
    assert shown[0] == "prepare          Download the data"
    assert shown[2:6] == wanted.splitlines()[1:]


def test_a_script_is_an_operation_too(place):
    assert gage("ops", "train.py", cwd=place).out == "train.py\n    lr=0.1\n    epochs=3\n"


def test_operations_are_json_for_programs(place):
    told = [json.loads(line) for line in gage("ops", "--json", cwd=place).out.splitlines()]
    assert [op["operation"] for op in told] == ["prepare", "train", "m1:fail"]
    assert told[1]["default"] is True
    assert told[1]["flags"]["lr"] == {"value": 0.1, "type": "number", "min": 0, "max": 1}
    assert told[1]["flags"]["epochs"] == {"value": 3}


def test_an_operation_that_is_not_there_is_said(place):
    told = gage("ops", "trian", cwd=place)
    assert told.code == 10
    assert "train" in told.err


def test_without_a_gage_file_there_are_no_operations(tmp_path):
    for verb in ("ops", "check"):
        told = gage(verb, cwd=tmp_path)
        assert told.code == 10
        assert told.err.startswith(f"gage {verb}: no gage file here or above\n")


def test_a_gage_file_that_is_right_is_said_to_be_so(place):
    assert gage("check", cwd=place) == ("gage.yaml: ok, 3 operations\n", "", 0)
    assert gage("check", "-q", cwd=place) == ("", "", 0)
    (place / "sub").mkdir()
    assert gage("check", cwd=place / "sub").out == "../gage.yaml: ok, 3 operations\n"


def test_every_problem_of_a_gage_file_is_said_with_its_line(place):
    (place / "gage.yaml").write_text("x:\n  exce: 1\ny:\n  exec: a\n  flags: {lr: {typ: 3}}\n")
    told = gage("check", "-q", cwd=place)
    assert told.code == 30
    lines = told.out.splitlines()
    assert any(line.startswith("gage.yaml:2: x.exce: unknown key") for line in lines)
    assert any(line.startswith("gage.yaml:5: y.flags.lr.typ: unknown key") for line in lines)


def test_the_schema_is_printed_for_editors(tmp_path):
    told = gage("check", "--schema", cwd=tmp_path)
    assert json.loads(told.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_help_opens_the_page_of_a_command_or_any_other(tmp_path):
    for words in (("stage",), ("gage-stage",)):
        assert gage("help", *words, cwd=tmp_path).out.startswith("NAME\n    gage-stage")
    assert gage("help", "runs", "rm", cwd=tmp_path).out.startswith("NAME\n    gage-runs")
    assert gage("help", "gage", cwd=tmp_path).out.startswith("NAME\n    gage ")
    assert gage("help", "run-dir", cwd=tmp_path).out.startswith("NAME\n    gage-run-dir")
    assert gage("help", "none", cwd=tmp_path).code == 10


def test_help_alone_lists_the_commands(tmp_path):
    assert gage("help", cwd=tmp_path).out == gage("--help", cwd=tmp_path).out
