import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage import config_notebook as notebook
from gage.literal import UnreadableError
from tests.rewriting import changed, new_values, the, values

TEXTS = st.sampled_from(
    [
        *["1", "-.5", "'a'", '"é"', 'r"\\d"', '"""a\n\\"b\n"""', "'''\n'''", "'\\ud83d'"],
        *["'😀'", "True", "None", "[1, ('b', 2)]", '{"a\\"": "c" "d"}', 'float("inf")'],
    ]
)
CELLS = st.lists(
    st.builds(
        "{}NAME = {}{}".format,
        st.sampled_from(["", "# é 'c\n", "%matplotlib inline\n", "!ls 'x\n", "f(1)\n", "é = 1; "]),
        TEXTS,
        st.sampled_from(["", "\n", " # c\n", "\n%time f(2)\nawait g()\n", "\nobj?\n"]),
    ),
    min_size=1,
    max_size=3,
).map(lambda cells: [cell.replace("NAME", f"name{i}") for i, cell in enumerate(cells)])


def cell(code: str, *, lines: bool = True, kind: str = "code") -> dict[str, Any]:
    source = code.splitlines(keepends=True) if lines else code
    return {"cell_type": kind, "metadata": {}, "outputs": [], "source": source}


def written(*codes: str, lines: bool = True, ascii: bool = False, indent: int | None = 1) -> bytes:
    cells = [cell("# name0 = 1", kind="markdown"), *(cell(code, lines=lines) for code in codes)]
    book = {"cells": cells, "metadata": {"é": "name0 = 1"}, "nbformat": 4}
    return json.dumps(book, indent=indent, ensure_ascii=ascii).encode()


def codes(source: bytes) -> list[str]:
    cells = json.loads(source)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@settings(max_examples=150)
@given(CELLS, st.booleans(), st.booleans(), st.sampled_from([None, 1]), st.data())
def test_only_the_literal_changes(
    cells: list[str], lines: bool, ascii: bool, indent: int | None, data: st.DataObject
) -> None:
    source = written(*cells, lines=lines, ascii=ascii, indent=indent)
    ours = [one for one in notebook.parse(source).literals if one.path[0].startswith("name")]
    assert {one.path[0] for one in ours} == {f"name{i}" for i in range(len(cells))}
    literal = data.draw(st.sampled_from(ours))
    after = changed(notebook, source, literal, data.draw(new_values(literal)))
    assert source.isascii() <= after.isascii()
    for i, (old, new) in enumerate(zip(codes(source), codes(after), strict=True)):
        assert (old == new) or literal.path[0] == f"name{i}"


def test_a_string_over_several_lines_is_one_literal() -> None:
    source = written("x = '''a\nb\n'''  # c\ny = 1\n")
    after = changed(notebook, source, the(notebook, source, "x"), 'q"\\\nr')
    assert codes(after) == ["x = '''q\"\\\\\nr'''  # c\ny = 1\n"]


def test_a_constant_is_found_on_its_line_of_the_file() -> None:
    source = written("import os\n", "\nx = 1\n")
    line = the(notebook, source, "x").line
    assert b"x = 1" in source.split(b"\n")[line - 1]


def test_all_cells_share_one_namespace() -> None:
    source = written("x = 1\ny = 2", "x = 3")
    assert values(notebook, source) == {"y": 2}
    assert "more than once" in notebook.parse(source).refused[("x",)]


@pytest.mark.parametrize(
    "code",
    [
        "%%time\nx = 1",
        '%load_ext a \'b\n!echo \\\n  it\'s """ (\nx = 1',
        "files = !ls -l\nx = 1\ny = %who",
        "if f:\n    !ls\nx = 1",
        "?print\nprint??\nx = 1",
        "x = 1\ns = (5\n% 3)\nt = '''\n%d\n!x'''",
        "\n%%bash\nx = 2",
    ],
)
def test_what_only_ipython_understands_is_passed_over(code: str) -> None:
    found = values(notebook, written(code, "" if "x = 1" in code else "x = 1"))
    assert found.pop("x") == 1
    assert found in ({}, {"t": "\n%d\n!x"})


@pytest.mark.parametrize(
    "source, trouble",
    [
        (b"[]", "no list `cells`"),
        (b"{", "expected a key"),
        (written("x = (\n"), "never closed"),
        (written("x = 1\n  y = 2\n"), "unexpected indent"),
        (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "no text"),
    ],
)
def test_what_is_no_notebook_is_refused(source: bytes, trouble: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        notebook.parse(source)
    assert trouble in caught.value.trouble
    assert caught.value.line > 0
