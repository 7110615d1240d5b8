"""A first gage file: what a directory has that could be run, as the text of a ``gage.yaml``.

Whatever the finders think, only what ``gage check`` takes gets into it.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gage.errors import GageError
from gage.found import Found, is_remark, remark
from gage.opdef import OpDef
from gage.trust import check_trust
from gage.yaml_scalar import parse_plain

HEAD = r"""# What can be run here: gage ops lists it, gage run OPERATION NAME=VALUE runs it.
# Numbers in what an operation prints are its metrics:  metrics: {loss: 'loss: (\S+)'}
# gage help gage-file tells all that can be said of an operation.
"""

_PLAIN = r"[A-Za-z0-9_./(]X*(?: X+)*".replace("X", r"(?:[\w./@%+=()$'*;&|<>~-]|:(?=\w))")
"""Texts that YAML takes as they are, in a flow and out of one."""


class FirstFile(NamedTuple):
    """The operations that are *taken*, and remarks on what is *left* out."""

    taken: list[Found]
    left: list[Found]

    @property
    def text(self) -> str:
        """The gage file."""
        return HEAD + "".join(
            f"\n{line}"
            for found in self.taken
            for line in [*_lines({found.name: found.definition}, 0), ""]
        )


def look(directory: str, environ: Mapping[str, str]) -> FirstFile:
    """What there is to run in *directory*; nothing is run to find out."""
    found: list[Found] = []
    for name, finder in _foreign():
        if os.path.isfile(os.path.join(directory, name)):
            found += _tried(name, finder, directory, environ)
    used = " ".join(str(f.definition) for f in found)
    from gage.found_scripts import MAKEFILES, find_scripts, find_targets

    for script in find_scripts(directory):
        if re.search(rf"(?<![\w./-])(?:\./)?{re.escape(script.source)}(?![\w.-])", used):
            continue  # by itself it would be the same once more
        found.append(script)
    makefile = next((n for n in MAKEFILES if os.path.isfile(os.path.join(directory, n))), None)
    if makefile:
        found += _tried(makefile, find_targets, directory, environ)
    return _checked([*_named(f for f in found if not is_remark(f))], found, directory)


def _foreign() -> Iterator[tuple[str, Callable[[str], Iterable[Found]]]]:
    from gage import found_dvc, found_guild, found_mlproject

    yield found_guild.NAME, found_guild.find_guild
    yield found_dvc.NAME, found_dvc.find_dvc
    yield found_mlproject.NAME, found_mlproject.find_mlproject


def _tried(
    name: str,
    finder: Callable[[str], Iterable[Found]],
    directory: str,
    environ: Mapping[str, str],
) -> list[Found]:
    path = os.path.join(directory, name)
    try:
        # What it says would be run as ours from now on.
        check_trust(path, environ)
        return list(finder(directory))
    except GageError as error:
        return [remark(name, error.message.removeprefix(f"{path}: "))]
    except (OSError, ValueError) as error:
        return [remark(name, str(error))]


def _named(found: Iterable[Found]) -> Iterator[Found]:
    """*found*, of which no two have one name, and one at most is the default."""
    names: set[str] = set()
    has_default = False
    for item in found:
        name, number = item.name, 2
        while name in names:
            name, number = f"{item.name}-{number}", number + 1
        names.add(name)
        definition = dict(item.definition)
        if definition.get("default"):
            if has_default:
                del definition["default"]
            has_default = True
        yield item._replace(name=name, definition=definition)


def _checked(taken: list[Found], found: Sequence[Found], directory: str) -> FirstFile:
    """Those of *taken* that a gage file may hold, each with what it needs of the others."""
    left = [item for item in found if is_remark(item)]
    while True:
        wrong = _first_wrong(taken, directory)
        if wrong is None:
            return FirstFile(taken, left)
        name, message = wrong
        item = next(item for item in taken if item.name == name)
        taken = [other for other in taken if other is not item]
        left.append(remark(item.source, f"{name}: {message}"))


def _first_wrong(taken: Sequence[Found], directory: str) -> tuple[str, str] | None:
    """What ``gage check`` would say first of *taken*: of which operation, and what."""
    from gage.default_runs import default_troubles
    from gage.gage_file import NAMES, GageFile, gage_file_schema
    from gage.gage_file_rules import broken_rules
    from gage.schema import violations

    data = {item.name: dict(item.definition) for item in taken}
    found = next(violations(data, gage_file_schema()), None)
    if found is None:
        operations = {name: OpDef(name, spec) for name, spec in data.items()}
        gage_file = GageFile(os.path.join(directory, NAMES[0]), directory, operations, {})
        found = next(broken_rules(operations, directory), None)
        found = found or next(iter(default_troubles(gage_file)), None)
    if found is None:
        return None
    name, *place = map(str, found.place)
    return name, f"{'.'.join(place)}: {found.message}" if place else found.message


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    """A mapping as lines of YAML."""
    indent = "  " * depth
    for key, item in value.items():
        head = f"{indent}{_scalar(key)}:"
        if isinstance(item, Mapping) and item and depth < 2:
            yield head
            yield from _lines(item, depth + 1)
        elif isinstance(item, list) and any(isinstance(part, Mapping) for part in item):
            yield head
            yield from (f"{indent}  - {_flow(part)}" for part in item)
        elif key == "exec" and isinstance(item, list) and (line := _shell_line(item)):
            yield f"{head} {_scalar(line)}"
        elif key == "config" and isinstance(item, list) and len(item) == 1:
            yield f"{head} {_flow(item[0])}"
        elif key == "steps" and isinstance(item, list):
            yield head
            yield from (f"{indent}  - {_flow(part)}" for part in item)
        else:
            yield f"{head} {_flow(item)}"


def _shell_line(words: Sequence[str]) -> str:
    """A command as one line, where a shell makes the very same words of it."""
    plain = all(re.fullmatch(r"[\w./=,:@%+-]+", word) for word in words)
    return " ".join(words) if plain else ""


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A scalar that reads back as itself wherever it stands."""
    from gage.scalar import format_value, quoted

    if value is None:
        return "null"
    if not isinstance(value, str):
        return format_value(value)
    plain = re.fullmatch(_PLAIN, value)
    return value if plain and parse_plain(value) == value else quoted(value)
