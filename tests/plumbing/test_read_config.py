import json
import os

import pytest

from gage.plumbing.read_config import main


@pytest.fixture(autouse=True)
def config(project: str) -> str:
    with open(os.path.join(project, "opts.json"), "w", encoding="utf-8") as file:
        json.dump({"a\nb": "two\nlines", "é": [None, False], "s": "0.1", "n": float("nan")}, file)
    return project


def test_a_record_is_a_line_that_a_command_line_takes(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", project, "opts.json", "train.py#lr"]) == 0
    assert capsys.readouterr().out == (
        '"a\\nb"\t"two\\nlines"\né.0\t\né.1\tno\ns\t"0.1"\nn\t.nan\nlr\t0.1\n'
    )


def test_json_tells_where_a_value_stands(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", project, "--json", "train.py#epochs"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "key": "epochs",
        "value": 3,
        "file": "train.py",
        "line": 4,
    }


def test_records_can_end_with_nul(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", project, "-z", "train.py", "--", "-train.py#e*"]) == 0
    assert capsys.readouterr().out == "lr\t0.1\0"


def test_a_selector_that_chooses_nothing_is_an_error_of_config(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", project, "train.py#l"]) == 30
    assert capsys.readouterr().err.startswith("gage-read-config: train.py#l: no key")
