"""A YAML, TOML or JSON document read safely, with the line that each of its values is on.

Whatever the format, the values are those of JSON. YAML is read from its events, never by
objects: there are no tags, few aliases, and no depth or size that could exhaust anything.
Plain scalars mean what they mean on the command line (yaml_scalar.py), keys are texts.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gage.errors import ConfigError, NotFoundError
from gage.schema import Place
from gage.yaml_scalar import parse_plain

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_ALIASES = 100
MAX_VALUES = 100_000
"""Values with every alias replaced by what it stands for: a small bomb has billions."""


class Document(NamedTuple):
    """What the file at *path* says; *find_lines* gives the 1-based line of what it knows."""

    path: str
    data: Any
    find_lines: Callable[[], dict[Place, int]]

    def wrong(self, place: Place, message: str, hint: str = "") -> ConfigError:
        """The error that *message* is the trouble at *place*: ``FILE:LINE: KEY: MESSAGE``."""
        key = ".".join(map(str, place))
        return _wrong(self.path, self.line(place), f"{key}: {message}" if key else message, hint)

    def line(self, place: Place) -> int | None:
        """The line of *place*, or of the nearest that contains it."""
        lines = self.find_lines()
        known = (place[:end] for end in range(len(place), -1, -1) if place[:end] in lines)
        return next((lines[near] for near in known), None)


def read_document(path: str) -> Document:
    """Read the document at *path*; its suffix, in either case, says which language it is in.

    Raises NotFoundError where there is no such file, ConfigError where it makes no sense.
    """
    text = read_text(path)
    if path.lower().endswith(".toml"):
        return _toml(path, text)
    if path.lower().endswith(".json"):
        return _json(path, text)
    return _yaml(path, text)


def shown_path(path: str) -> str:
    """*path* as a person in the current directory would write it, if that is shorter."""
    try:
        near = os.path.relpath(path)
    except OSError:  # the current directory is gone
        return path
    return near if len(near) < len(path) else path


def _wrong(path: str, line: int | None, message: str, hint: str = "") -> ConfigError:
    where = f"{shown_path(path)}:{line}" if line else shown_path(path)
    return ConfigError(f"{where}: {message}", hint)


def read_text(path: str) -> str:
    """The text of the document at *path*. Raises as ``read_document``."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFoundError(f"{shown_path(path)}: no such file") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _wrong(path, None, "expected a regular file")
    with open(fd, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _wrong(path, None, f"larger than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(path, line, "not UTF-8") from None


def _yaml(path: str, text: str) -> Document:
    import yaml

    try:
        reader = _YamlReader(path, text)
        return Document(path, reader.read(), lambda: reader.lines)
    except yaml.YAMLError as error:
        raise _no_yaml(path, text, error) from None


def _no_yaml(path: str, text: str, error: Any) -> ConfigError:
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    lines = text.rstrip("\n").split("\n")
    line = text.count("\n", 0, getattr(error, "position", 0)) if mark is None else mark.line
    line = min(line, len(lines) - 1)  # what is missing at the end is missed behind it
    hint = ""
    if lines[line].startswith("\t"):
        hint = "YAML is indented with spaces, not tabs"
    elif "mapping values are not allowed" in problem:
        hint = "a string that holds `: ` is written in quotes"
    elif "${" in lines[line] and "expected ','" in problem:
        hint = "a string that holds `${` is written in quotes between brackets"
    if "nesting depth" in problem:  # libyaml has a limit of its own, and reads ahead of us
        return _wrong(path, line + 1, f"nested deeper than {MAX_DEPTH} levels")
    return _wrong(path, line + 1, f"no YAML: {problem}", hint)


class _YamlReader:
    """Makes values from the events of YAML; its depth is bounded, so it may recurse."""

    def __init__(self, path: str, text: str) -> None:
        import yaml

        self.path = path
        self.lines: dict[Place, int] = {}
        self._events: Iterator[Any] = iter(
            yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        )
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliases = self._values = 0

    def read(self) -> Any:
        """The value of the only document, None where there is none."""
        root, documents = None, 0
        for event in self._events:
            if _kind(event) == "DocumentStart":
                documents += 1
                if documents > 1:
                    raise self._wrong(event, (), "a second document", "take the line --- away")
                root = self._value(next(self._events), ())
        return root

    def _value(self, event: Any, place: Place) -> Any:
        self.lines.setdefault(place, event.start_mark.line + 1)
        self._count(1, event, place)
        if _kind(event) == "Alias":
            return self._alias(event, place)
        if event.tag not in (None, "!"):
            raise self._wrong(event, place, f"{event.tag}: tags are not taken", "take it away")
        before = self._values
        value: Any
        if _kind(event) == "Scalar":
            plain = event.style in (None, "") and event.implicit[0]
            value = parse_plain(event.value) if plain else event.value
        elif len(place) >= MAX_DEPTH:
            raise self._wrong(event, (), f"nested deeper than {MAX_DEPTH} levels")
        elif _kind(event) == "SequenceStart":
            value = [self._value(item, (*place, i)) for i, item in enumerate(self._until_end())]
        else:
            value = self._mapping(place)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._values - before + 1)
        return value

    def _mapping(self, place: Place) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key in self._until_end():
            if _kind(key) != "Scalar" or key.tag not in (None, "!"):
                raise self._wrong(key, place, "expected a key that is a plain string")
            here = (*place, key.value)
            if key.value in value:
                first = self.lines[here]
                raise self._wrong(key, here, f"given twice; line {first} has it already")
            self.lines[here] = key.start_mark.line + 1
            value[key.value] = self._value(next(self._events), here)
        return value

    def _alias(self, event: Any, place: Place) -> Any:
        if event.anchor not in self._anchors:
            raise self._wrong(event, place, f"*{event.anchor}: there is no &{event.anchor} above")
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._wrong(event, place, f"more than {MAX_ALIASES} aliases")
        value, size = self._anchors[event.anchor]
        self._count(size, event, place)
        return value

    def _until_end(self) -> Iterator[Any]:
        while not _kind(event := next(self._events)).endswith("End"):
            yield event

    def _count(self, values: int, event: Any, place: Place) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._wrong(event, place, f"more than {MAX_VALUES} values")

    def _wrong(self, event: Any, place: Place, message: str, hint: str = "") -> ConfigError:
        key = ".".join(map(str, place))
        text = f"{key}: {message}" if key else message
        return _wrong(self.path, event.start_mark.line + 1, text, hint)


def _kind(event: Any) -> str:
    return type(event).__name__.removesuffix("Event")


def _json(path: str, text: str) -> Document:
    import json

    try:
        data = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _wrong(path, error.lineno, f"no JSON: {error.msg}") from None
    except RecursionError:
        raise _wrong(path, None, f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        _json_lines(path, text)  # says the same with the line, where it can
        raise _wrong(path, None, str(error)) from None
    return Document(path, data, lambda: _json_lines(path, text))


def _json_lines(path: str, text: str) -> dict[Place, int]:
    """The lines of the values: JSON is YAML but for tabs, and our reader of YAML knows them."""
    import yaml

    try:
        reader = _YamlReader(path, text.replace("\t", " "))
        reader.read()
    except yaml.YAMLError:
        return {}
    return reader.lines


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise ValueError(f"{key}: given twice")
        value[key] = item
    return value


def _toml(path: str, text: str) -> Document:
    import tomllib

    try:
        data = tomllib.loads(checked_toml(text))
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", where)
        raise _wrong(path, int(line[1]) if line else None, f"no TOML: {message}") from None
    except (RecursionError, ValueError):  # brackets without end; a number of 10,000 digits
        raise _wrong(path, None, "no TOML: a value is too deep or too long") from None
    return Document(path, data, lambda: _toml_lines(text))


def checked_toml(text: str) -> str:
    """*text*, of TOML. Raises TOMLDecodeError for a key that tomllib would never have done with.

    The time and the memory that it takes for a key of many parts grow with their square.
    """
    import tomllib

    if match := re.search(_TOML_LONG_KEY, text):
        line = text.count("\n", 0, match.start()) + 1
        trouble = f"Key of more than {MAX_DEPTH} parts"
        raise tomllib.TOMLDecodeError(f"{trouble} (at line {line}, column 1)")
    return text


def _toml_lines(text: str) -> dict[Place, int]:
    """The lines of tables and of keys at the start of a line; tomllib does not tell them.

    Text within a multi-line string may look like a key, and then only a line is wrong.
    """
    lines: dict[Place, int] = {}
    tables: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.split("\n"), 1):
        if match := re.match(_TOML_TABLE, line):
            table = _toml_key(match[2])
            if match[1] == "[[":
                tables[table] = tables.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, tables[table])
            lines.setdefault(table, number)
        elif match := re.match(_TOML_KEY, line):
            lines.setdefault((*table, *_toml_key(match[1])), number)
    return lines


_TOML_TABLE = r"\s*(\[\[?)(.+?)\]\]?\s*(?:#.*)?$"
_TOML_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_TOML_LONG_KEY = rf"(?<![\w-]){_TOML_PART}(?:[ \t]*+\.[ \t]*+{_TOML_PART}){{{MAX_DEPTH}}}"
_TOML_KEY = r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""


def _toml_key(text: str) -> Place:
    import tomllib

    try:
        value: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return (text,)
    place: Place = ()
    while isinstance(value, dict):
        (key, value), *_ = value.items()
        place = (*place, key)
    return place
