import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.batch_file import read_batch_file
from gage.errors import ConfigError, NotFoundError
from gage.flags import parse_value


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(name, text):
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return read_batch_file(name)


ROWS = [{"lr": "0.1", "s": "a, b"}, {"lr": "1e-3", "s": ""}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", 'lr,s\n0.1,"a, b"\n1e-3,\n'),
        ("t.csv", '\ufefflr , s\r\n 0.1, "a, b"\r\n\r\n1e-3,\r\n'),
        ("t.CSV", 'lr,s\n"0.1","a, b"\n1e-3,""'),
    ],
)
def test_a_csv_file_has_names_in_its_first_line_and_values_as_on_the_command_line(name, text):
    file = read(name, text)
    assert (file.path, file.names) == (name, ["lr", "s"])
    assert [row.texts for row in file.rows] == ROWS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", '[{"lr": 0.1, "s": "a, b"},\n {"lr": 0.001, "s": null}]'),
        ("t.yaml", "- {lr: 0.1, s: 'a, b'}\n- lr: 0.001\n  s:\n"),
        ("t.yml", "- {lr: 0.1, s: 'a, b'}\n- {lr: 1e-3, s: null}\n"),
    ],
)
def test_json_and_yaml_files_are_lists_of_mappings(name, text):
    file = read(name, text)
    assert file.names == ["lr", "s"]
    assert [row.texts for row in file.rows] == [ROWS[0], ROWS[1] | {"lr": "0.001"}]


def test_a_toml_file_has_a_list_of_trials():
    file = read("t.toml", "[[trials]]\nlr = 0.1\n[[trials]]\nlr = 0.01\n")
    assert [row.texts for row in file.rows] == [{"lr": "0.1"}, {"lr": "0.01"}]
    assert file.rows[1].where("lr") == "t.toml:4"
    assert [row.texts for row in read("T.TOML", "[[trials]]\nlr = 0.1\n").rows] == [{"lr": "0.1"}]


def test_a_string_of_json_stays_a_string():
    file = read("t.json", '[{"s": "0.1"}, {"s": "[a]"}, {"s": "no"}]')
    assert [parse_value(row.texts["s"]) for row in file.rows] == ["0.1", "[a]", "no"]


def test_rows_may_have_different_names():
    file = read("t.json", '[{"lr": 0.1}, {"x": 1}]')
    assert file.names == ["lr", "x"]
    assert [row.texts for row in file.rows] == [{"lr": "0.1"}, {"x": "1"}]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "", "t.csv: no row, and so no trial"),
        ("t.csv", "lr\n", "t.csv: no row, and so no trial"),
        ("t.csv", "lr,\n1,2\n", "t.csv:1: column 2: expected the name of a flag"),
        ("t.csv", "lr,x,lr\n1,2,3\n", "t.csv:1: column 3: lr: there twice"),
        ("t.csv", "lr,x\n1,2\n\n1\n", "t.csv:4: expected 2 columns, found 1"),
        ("t.csv", "lr,x\n1,2,3\n", "t.csv:2: expected 2 columns, found 3"),
        ("t.csv", 'lr,x\n1,"[1,2]"\n', "t.csv:2: column 2: x=[1,2]: a row is one trial"),
        ("t.csv", 'lr\n"1', "t.csv:2: no CSV: unexpected end of data"),
        ("t.json", "[]", "t.json: no row, and so no trial"),
        ("t.json", '{"lr": 0.1}', "t.json:1: expected a list of rows, found a mapping"),
        ("t.json", '[{"lr": 1},\n {"lr":\n [1, 2]}]', "t.json:2: 1.lr: expected a single value"),
        ("t.json", '[{"lr": 1},\n 5]', "t.json:2: 1: expected a mapping of names to values"),
        ("t.json", "[{}]", "t.json:1: 0: expected a mapping of names to values"),
        ("t.json", "[{]", "t.json:1: no JSON"),
        ("t.yaml", "- lr: [1, 2]\n", "t.yaml:1: 0.lr: expected a single value, found a list"),
        ("t.yaml", "lr: 1\n", "t.yaml:1: expected a list of rows, found a mapping"),
        ("t.toml", "lr = 1\n", "t.toml: expected a list of rows, found a mapping"),
        ("t.txt", "lr\n1\n", "t.txt: no batch file"),
        ("t.csv", "x\n" + "1\n" * 10_001, "t.csv: makes 10,001 trials"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line_and_column(name, text, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(name, text)


def test_a_file_that_is_not_there_or_is_none_is_said(here):
    with pytest.raises(NotFoundError, match=r"none\.csv: no such file"):
        read_batch_file("none.csv")
    (here / "d.csv").mkdir()
    with pytest.raises(ConfigError, match=r"d\.csv: expected a regular file"):
        read_batch_file("d.csv")
    (here / "b.csv").write_bytes(b"s\nok\n\xff\n")
    with pytest.raises(ConfigError, match=r"b\.csv:3: not UTF-8"):
        read_batch_file("b.csv")


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_cells_of_a_csv_file_come_back_without_the_space_around_them(rows):
    lines = ["a,b", *(",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows)]
    try:
        file = read("t.csv", "\r\n".join(lines))
    except ConfigError as error:
        assert "a row is one trial" in error.message
        return
    expected = [{"a": a.strip(), "b": b.strip()} for a, b in rows]
    assert [row.texts for row in file.rows] == expected
