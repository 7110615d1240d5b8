import json
import os

import pytest

from gage.plumbing.select import main
from tests.written import write_run


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for n, name in enumerate(["one", "two"]):
        write_run("runs", "train", name=name, id=f"{n + 1}" * 32, start=1000 + n)
    return tmp_path


def test_it_prints_the_run_dirs_that_are_meant(place, capsys):
    assert main(["--runs", "runs", "2", "train", "@{1}", "111", "runs/two"]) == 0
    assert capsys.readouterr().out == "runs/one\nruns/two\n"


def test_records_end_with_nul_or_are_objects(place, capsys):
    assert main(["--runs", "runs", "-z", "one", "two"]) == 0
    assert capsys.readouterr().out == "runs/one\0runs/two\0"
    assert main(["--runs", "runs", "--json", "one"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "1" * 32


def test_nothing_is_printed_unless_every_spec_is_good(place, capsys):
    assert main(["--runs", "runs", "one", "three"]) == 10
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "gage-select: three: no such run\n"


def test_candidates_are_listed_where_several_are_meant(place, capsys):
    write_run("runs", name="other", id="11" + "0" * 30, start=1)
    assert main(["--runs", "runs", "11"]) == 10
    assert capsys.readouterr().err == (
        "gage-select: 11: 2 runs begin so:\n"
        "  111111111111  train  completed\n"
        "  110000000000  train  completed\n"
        "hint: write more of the ID\n"
    )


def test_an_empty_spec_is_a_usage_error(place):
    assert main(["--runs", "runs", ""]) == 2
    assert main(["--runs", "runs"]) == 2


def test_a_dot_is_the_directory_that_it_works_from(place, capsys):
    os.mkdir("runs/one")
    os.mkdir("runs/two")
    assert main(["-C", "runs/one", "--runs", "..", "."]) == 0
    assert capsys.readouterr().out == f"{place}/runs/one\n"
    os.chdir("runs/two")
    assert main(["-C", "../one", "--runs", "..", ".", "./."]) == 0
    assert capsys.readouterr().out == f"{place}/runs/one\n"
    os.mkdir("sub")
    assert main(["-C", "sub", "--runs", "../..", ".."]) == 0
    assert capsys.readouterr().out == f"{place}/runs/two\n"


def test_it_works_from_another_directory(place, capsys):
    os.mkdir("sub")
    assert main(["-C", "sub", "--runs", "../runs", "one", "../runs/two"]) == 0
    assert capsys.readouterr().out == "sub/../runs/one\nsub/../runs/two\n"
