"""What is promised is held: every test that a promise names is there."""

import ast
import os
import re
from functools import cache

import pytest

from gage.mdoc import read_characters
from tests.place import ROOT

PROMISES = ("SECURITY.md", "man/man5/gage-run-dir.5", "tests/faults/README.md")
_NAMED = re.compile(r"\b(tests/[\w/]+\.py)(?:::(test_\w+))?")


def named(document):
    """The tests that a document names: the file, and the function if it names one."""
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        return _NAMED.findall(read_characters(file.read()))


@cache
def functions(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", PROMISES)
def test_every_test_that_a_promise_names_is_there(document):
    tests = named(document)
    assert len(tests) > 5
    gone = [
        f"{path}::{name}"
        for path, name in tests
        if not os.path.exists(os.path.join(ROOT, path)) or (name and name not in functions(path))
    ]
    assert gone == []


@pytest.mark.parametrize("document", ("SECURITY.md", "tests/faults/README.md"))
def test_every_row_names_the_test_that_holds_it(document):
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        lines = file.read().split("\n")
    below = zip(lines, [*lines[1:], ""], strict=True)
    rows = [line for line, next in below if line.startswith("| ") and "---" not in next]
    assert rows
    assert [row for row in rows if not _NAMED.search(row)] == []
