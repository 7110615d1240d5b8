"""Gage files, config and batch files that are made to harm who reads them."""

import os
from collections.abc import Callable

import pytest

from gage.batch import prepare_all
from gage.batch_file import read_batch_file
from gage.config import read_config
from gage.errors import GageError
from gage.gage_file import check_gage_file, load_gage_file
from gage.opdef import OpDef
from gage.operation import Operation
from gage.opref import OpRef
from tests.bounded import bounded

TOUCH = '!!python/object/apply:os.system ["touch canary"]'
NINE = ",".join(["x"] * 9)
BOMB = f"a: &a [{NINE}]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "d: &d {" + ", ".join(f"k{i}: {i}" for i in range(4000)) + "}\n"

YAML = {
    "a tag": f"a: {TOUCH}\n",
    "a tag of YAML": 'a: !!binary "eA=="\n',
    "a tag of a key": "? !!python/name:os.system\n: 1\n",
    "a tag of a sequence": '!!python/object/new:os.system ["touch canary"]\n',
    "a bomb": BOMB,
    "a merge": "d: &d {x: 1}\na:\n  <<: *d\n  y: 2\n",
    "a bomb of merges": MERGES + "".join(f"m{i}: {{<<: *d}}\n" for i in range(4000)),
    "a bomb of lists of merges": MERGES
    + "".join(f"m{i}: {{<<: [{', '.join(['*d'] * 500)}]}}\n" for i in range(20)),
    "an anchor within itself": "a: &a [*a]\n",
    "20,000 aliases": "a: &a x\nb: [" + ",".join(["*a"] * 20_000) + "]\n",
    "5,000 brackets": "a: " + "[" * 5000,
    "5,000 brackets and their ends": "a: " + "[" * 5000 + "]" * 5000,
    "5,000 braces": "a: " + "{a: " * 5000,
    "1,000 levels": "".join(" " * i + "a:\n" for i in range(1000)),
    "50,000 keys in a line": "a: " * 50_000,
    "5,000 question marks": "? " * 5000,
    "5,000 dashes": "- " * 5000,
    "a large file": 'a: "' + "x" * 1_200_000 + '"\n',
    "a key twice": "a: 1\na: 2\n",
    "two documents": "a: 1\n---\nb: 1\n",
    "a NUL": "a: \0\n",
    "a byte order mark": "\ufeffa: 1\n",
    "UTF-16": "a: 1\n".encode("utf-16"),
    "no UTF-8": b"a: \xff\n",
    "a long number": "a: " + "9" * 6000 + "\n",
    "a long number in hex": "a: 0x" + "f" * 6000 + "\n",
    "a sexagesimal": "a: " + "1:" * 5000 + "1\n",
    "a date that is none": "a: 2001-99-99\n",
}
JSON = {
    "5,000 brackets": '{"a": ' + "[" * 5000,
    "100,000 brackets and their ends": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a key twice": '{"a": 1, "a": 2}',
    "a long number": '{"a": ' + "9" * 6000 + "}",
    "a number without end": '{"a": 1e999999}',
    "a large file": '{"a": "' + "x" * 1_200_000 + '"}',
    "NaN": '{"a": NaN}',
    "half a character": '{"a": "\\ud800"}',
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a NUL": '{"a": "\\u0000"}',
}
TOML = {
    "5,000 brackets": "a = " + "[" * 5000,
    "5,000 brackets and their ends": "a = " + "[" * 5000 + "]" * 5000,
    "a key of 20,000 parts": ".".join(["a"] * 20_000) + " = 1",
    "a quoted key of 20,000 parts": " . ".join(['"a"'] * 20_000) + " = 1",
    "a table of 300,000 parts": "[" + ".".join(["a"] * 300_000) + "]",
    "tables in tables": "".join(f"[{'.'.join(['a'] * i)}]\n" for i in range(1, 700)),
    "a key in a table of a line": "x = {" + ".".join(["a"] * 20_000) + " = 1}",
    "a long word": "a" * 900_000,
    "a long number": "a = " + "9" * 6000,
    "a long number in hex": "a = 0x" + "f" * 6000,
    "a key twice": "a = 1\na = 2",
    "no UTF-8": b'a = "\xff"',
}
PYTHON = {
    "5,000 brackets": "a = " + "[" * 5000,
    "150 brackets and their ends": "a = " + "[" * 150 + "]" * 150,
    "5,000 minus signs": "a = " + "-" * 5000 + "1",
    "800 minus signs": "a = " + "-" * 800 + "1",
    "20,000 sums": "a = " + "1+" * 20_000 + "1",
    "3,000 nots": "a = " + "not " * 3000 + "1",
    "20,000 attributes": "a" + ".b" * 20_000 + " = 1",
    "20,000 calls": "a = f" + "()" * 20_000,
    "20,000 subscripts": "a = b" + "[0]" * 20_000,
    "a power": "a = 9**9**9**9",
    "a product": 'a = "x" * 10**12',
    "code": "a = __import__('os').system('touch canary')\n",
    "a long number": "a = " + "9" * 6000,
    "a long number in hex": "a = 0x" + "f" * 6000,
    "3,000 branches": "if 1: pass\n" + "elif 1: pass\n" * 3000,
    "a string of many": "a = " + '"x" ' * 100_000,
    "braces in braces": 'a = f"{' + "{" * 300,
    "a NUL": "a = 1\0\n",
    "no UTF-8": b"a = '\xff'",
    "rot13": "# coding: rot13\na = 1\n",
    "a coding that is none": "# coding: undefined\na = 1\n",
    "UTF-7": "# coding: utf-7\na = 1\n",
    "idna": "# coding: idna\na = 1\n",
    "escapes": '# coding: unicode_escape\na = "\\x41"\n',
    "hex": "# coding: hex\na = 1\n",
    "zip": "# coding: zlib\na = 1\n",
}
CELL = '{"nbformat": 4, "cells": [{"cell_type": "code", "source": @}]}'
NOTEBOOK = {
    "5,000 brackets in a cell": CELL.replace("@", '["a = ' + "[" * 5000 + '"]'),
    "5,000 brackets": '{"nbformat": 4, "cells": ' + "[" * 5000,
    "a source that is none": CELL.replace("@", "5"),
    "a source of numbers": CELL.replace("@", '["a=1", 3, null]'),
    "cells that are none": '{"nbformat": "x", "cells": {"a": [1]}}',
    "no cells": "[]",
    "a cell that is none": '{"nbformat": 4, "cells": [1, null, {"cell_type": "code"}]}',
    "a long number in hex": CELL.replace("@", '["a = 0x' + "f" * 6000 + '"]'),
    "magic": CELL.replace("@", '["!touch canary\\n", "%sx touch canary\\n", "a = 1"]'),
}
FORMATS = {"yaml": YAML, "json": JSON, "toml": TOML, "py": PYTHON, "ipynb": NOTEBOOK}
CASES = [(suffix, what) for suffix, cases in FORMATS.items() for what in cases]


def write(path: str, data: str | bytes) -> None:
    with open(path, "wb") as file:
        file.write(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)


@pytest.fixture
def here(tmp_path: "os.PathLike[str]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def harmless(work: Callable[[], object]) -> str:
    """What became of *work*, that ends, in bounds, with nothing worse than a GageError."""
    told = bounded(work)
    assert not told.startswith("!"), told
    assert not os.path.exists("canary")
    return told


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("suffix", "what"), CASES)
def test_a_hostile_file_of_config_is_read_or_refused(suffix: str, what: str) -> None:
    write(f"hostile.{suffix}", FORMATS[suffix][what])
    harmless(lambda: read_config(".", [f"hostile.{suffix}"]))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("suffix", "what"), [case for case in CASES if case[0] in ("yaml", "json", "toml")]
)
def test_a_hostile_gage_file_is_read_or_refused_and_is_no_batch_file(
    suffix: str, what: str
) -> None:
    write(path := f"gage.{suffix}", FORMATS[suffix][what])
    harmless(lambda: load_gage_file(path))
    harmless(lambda: check_gage_file(path))
    assert harmless(lambda: read_batch_file(path))


VALUES = {
    "brackets": "[" * 50_000,
    "brackets and their ends": "[" * 50_000 + "]" * 50_000,
    "a tag": TOUCH,
    "an alias": "*a",
    "backslashes": '"' + "\\" * 50_001 + '"',
    "escapes": '"' + "\\U0010ffff" * 5000 + '"',
    "digits": "9" * 100_000,
    "minus signs": "-" * 100_000,
    "underscores": "1" + "_" * 998,
    "quotes": "'" * 100_001,
    "a sequence that does not end": "[1," * 30_000,
    "a sequence of many": "[" + "1," * 50_000 + "1]",
    "a range of many": "range[0:1e18:1]",
    "a range of steps that are none": "range[0:1:1e-300]",
    "a range without step": "range[0:1:0]",
    "points without number": "linspace[0:1:1000000000]",
    "points of nothing": "linspace[.nan:1:3]",
    "points beyond": "logspace[1:1e308:1000000]",
    "ranges in a sequence": "[" + "range[0:10]," * 1000 + "1]",
    "a string that does not end": '["' + "a" * 50_000,
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("what", VALUES)
def test_a_hostile_value_on_the_command_line_is_a_value_or_refused(what: str) -> None:
    opdef = OpDef("any", {"exec": ["true"], "flags": {"a": None, "b": 0.5, "c": "text"}})
    operation = Operation(OpRef("", "any"), opdef, ".")

    def prepare() -> None:
        for name in "abc":
            try:
                prepare_all(operation, {name: VALUES[what]})
            except GageError:
                pass

    harmless(prepare)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("cells", [",".join(["[" * 100] * 1000), '"' * 99_999, "\0", "a" * 200_000])
def test_a_hostile_table_is_read_or_refused(cells: str) -> None:
    write("rows.csv", f"a\n{cells}\n")
    harmless(lambda: read_batch_file("rows.csv"))


@pytest.mark.usefixtures("here")
def test_a_table_of_many_columns_is_refused_at_once() -> None:
    write("rows.csv", ",".join(map(str, range(200_000))) + ",0\n")
    assert "column 200001: 0: there twice" in harmless(lambda: read_batch_file("rows.csv"))


@pytest.mark.usefixtures("here")
def test_patterns_that_take_long_to_compile_do_not_hold_up_who_reads_the_gage_file() -> None:
    pattern = "(?i)" + "[!-\\U0010fffe]" * 60_000
    write("gage.yaml", f'a: {{exec: x, metrics: {{m: "{pattern}", n: "("}}}}\n')
    assert harmless(lambda: load_gage_file("gage.yaml")) == ""
