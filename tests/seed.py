"""A seed: prose whose examples are run, word for word, as a test.

An example is an indented line that begins with ``>>> ``, with ``... `` before each line
that continues it. What follows, up to a blank line or the next example, is what it must
print; the value of an expression is printed as in Python's own session. In what is
expected, ``...`` stands for anything within a line, and a line of nothing else for any
lines. Options stand in a comment at the end of an example:

    # +parse    ``{name}``, ``{name:d}``, ``{name:f}``, ``{name:w}`` in what is expected
                stand for some text, a whole number, a number and a word, and put it into
                the variable
    # +diff     a failure shows the differences

The functions that examples call without importing them are those of ``Tools``.
"""

import ast
import difflib
import io
import os
import re
import stat
import subprocess
import sys
import tempfile
import traceback
from contextlib import redirect_stdout
from typing import Any, NamedTuple

from tests.place import copy_project, environment, lived_in

OPTIONS = {"parse", "diff"}

# The seeds name modules of the program that they were written for.
_RENAMED = re.compile(r"^from gage\._internal\.\w+ import \*$", re.MULTILINE)
_OPTIONS = re.compile(r"#((?:\s*\+\w+)+)\s*$")
_FIELD = re.compile(r"\{(\w*)(?::(\w))?\}")
_KINDS: dict[str, tuple[str, type]] = {
    "": (".+?", str),
    "w": (r"\w+", str),
    "d": (r"[-+]?\d+", int),
    "f": (r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", float),
}


class Example(NamedTuple):
    """What to run and what it must print; *line* is where it begins, counted from 1."""

    line: int
    source: str
    expected: list[str]
    options: frozenset[str]


class SeedError(AssertionError):
    """An example did not do what the seed says."""


def run_seed(text: str, name: str, directory: str) -> int:
    """Run the examples of *text* in *directory*, with a umask of 002; how many there were.

    *name* is for messages. Raises SeedError at the first example that fails, ValueError
    for a text that makes no sense.
    """
    examples = parse_seed(text)
    with lived_in(directory, environment(directory), umask=0o002):
        names: dict[str, Any] = {"__name__": "__seed__", **tools(directory)}
        for example in examples:
            trouble = try_example(example, names)
            if trouble:
                raise SeedError(f"\n{name}:{example.line}\n{trouble}")
    return len(examples)


def parse_seed(text: str) -> list[Example]:
    """The examples of a text. Raises ValueError for an option that there is not."""
    lines = text.split("\n")
    examples = []
    at = 0
    while at < len(lines):
        begin = re.match(r"(\s+)>>> ", lines[at])
        if not begin:
            at += 1
            continue
        first, margin = at, begin[1]
        source = [lines[at][begin.end() :]]
        at += 1
        while at < len(lines) and re.match(rf"{margin}\.\.\.( |$)", lines[at]):
            source.append(lines[at][len(margin) + 4 :])
            at += 1
        expected = []
        while at < len(lines) and lines[at].strip() and not lines[at].startswith(margin + ">>> "):
            expected.append(lines[at].removeprefix(margin))
            at += 1
        code = "\n".join(source)
        written = _OPTIONS.search(code)
        options = frozenset(re.findall(r"\w+", written[1])) if written else frozenset()
        if options - OPTIONS:
            raise ValueError(f"line {first + 1}: no such option: {sorted(options - OPTIONS)}")
        examples.append(Example(first + 1, code, expected, options))
    return examples


def try_example(example: Example, names: dict[str, Any]) -> str:
    """Run an example among *names*: what is wrong with it, or nothing."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            _execute(_RENAMED.sub("from gage.plumbing import *", example.source), names)
    except Exception:
        printed.write(traceback.format_exc())
    got = printed.getvalue().removesuffix("\n")
    pattern = expected_pattern(example.expected, parse="parse" in example.options)
    match = re.fullmatch(pattern, got)
    if match:
        kinds = dict(_FIELD.findall("\n".join(example.expected)))
        names.update(
            {name: _KINDS[kinds[name]][1](text) for name, text in match.groupdict().items()}
        )
        return ""
    want = "\n".join(example.expected)
    if "diff" in example.options:
        told = "\n".join(
            difflib.unified_diff(want.split("\n"), got.split("\n"), "expected", "got", lineterm="")
        )
    else:
        told = f"expected:\n{_indented(want)}\ngot:\n{_indented(got)}"
    return f"{_indented(example.source)}\n{told}"


def expected_pattern(expected: list[str], *, parse: bool = False) -> str:
    """The regular expression that what is *expected* stands for, without its last newline."""
    seen: set[str] = set()
    pattern = ""
    for number, line in enumerate(expected):
        last = number == len(expected) - 1
        if line == "...":
            pattern += r"(?:[^\n]*\n)*" if not last else r"[\s\S]*"
        else:
            pattern += _line_pattern(line, seen, parse) + ("" if last else "\n")
    return pattern


def tools(directory: str) -> dict[str, Any]:
    """The functions that the examples of a seed may call, by their names."""
    made = Tools(directory)
    return {name: getattr(made, name) for name in dir(made) if not name.startswith("_")}


class Tools:
    """What a seed may call; temporary directories are made in *directory*."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def make_temp_dir(self) -> str:
        """A new directory, by a path without links."""
        return os.path.realpath(tempfile.mkdtemp(dir=self._directory))

    def use_project(self, name: str) -> None:
        """Go into a copy of the project *name* of tests/projects."""
        os.chdir(copy_project(name, os.path.join(self.make_temp_dir(), name)))

    def cd(self, path: str) -> None:
        """Go into a directory."""
        os.chdir(path)

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def cat(self, path: str) -> None:
        """Print a file."""
        with open(path, encoding="utf-8", newline="") as file:
            print(file.read().removesuffix("\n"))

    def ls(self, path: str = ".", *, permissions: bool = False) -> None:
        """Print the files and the links below a directory, sorted; links say where to."""
        for name in sorted(_files(path)):
            mode = os.lstat(os.path.join(path, name)).st_mode
            target = f" -> {os.readlink(os.path.join(path, name))}" if stat.S_ISLNK(mode) else ""
            print((stat.filemode(mode) + " " if permissions else "") + name + target)

    def path(self, *parts: str) -> str:
        """Parts of a path as one."""
        return os.path.join(*parts)

    def realpath(self, path: str) -> str:
        """A path without links."""
        return os.path.realpath(path)

    def run(self, command: str) -> None:
        """Run a command with sh, print what it wrote, and how it ended if it failed or was mute."""
        done = _sh(command, subprocess.STDOUT)
        out = done.stdout.removesuffix("\n")
        if out:
            print(out)
        if done.returncode or not out:
            print(f"<exit {done.returncode}>")

    def run_capture(self, command: str) -> str:
        """What a command that must succeed wrote to standard output, without the last newline."""
        done = _sh(command, subprocess.PIPE)
        assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stderr}"
        return done.stdout.removesuffix("\n")


def _sh(command: str, stderr: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=False,
    )


def _files(top: str) -> list[str]:
    found = []
    for directory, names, files in os.walk(top):
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        found += [os.path.relpath(os.path.join(directory, name), top) for name in files + links]
    return found


def _execute(source: str, names: dict[str, Any]) -> None:
    def show(value: object) -> None:
        if value is not None:
            print(repr(value))

    tree = ast.Interactive(ast.parse(source).body)
    before, sys.displayhook = sys.displayhook, show
    try:
        exec(compile(tree, "<seed>", "single"), names)
    finally:
        sys.displayhook = before


def _line_pattern(line: str, seen: set[str], parse: bool) -> str:
    pattern, at = "", 0
    for hole in re.finditer(rf"\.\.\.|{_FIELD.pattern}", line):
        if hole[0] != "..." and not parse:
            continue
        pattern += re.escape(line[at : hole.start()])
        at = hole.end()
        if hole[0] == "...":
            pattern += ".*?"
            continue
        name, kind = hole[1], hole[2] or ""
        if kind not in _KINDS:
            raise ValueError(f"{hole[0]}: no such kind of value")
        again = name in seen
        seen.add(name)
        inside = _KINDS[kind][0]
        pattern += f"(?P={name})" if again else f"(?P<{name}>{inside})" if name else f"(?:{inside})"
    return pattern + re.escape(line[at:])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))
