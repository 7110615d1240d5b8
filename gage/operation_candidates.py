"""Candidates from the project: its operations and scripts, their flags, and values of these.

The gage file may well be wrong while somebody works on it: what makes no sense in it is
passed over.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gage.candidate import FILES, Candidate, Place, entries
from gage.errors import GageError


def operations(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """What can be run: the operations of the gage file, and scripts."""
    for name, spec in _defined(place).items():
        about = spec.get("description")
        first = about.partition("\n")[0] if isinstance(about, str) else ""
        # Shells put it between parentheses, and it needs none of its own.
        words = ("the default" if spec.get("default") is True else "", first)
        yield Candidate(name, ": ".join(filter(None, words)))
    head = current[: current.rfind("/") + 1]
    folder = os.path.join(place.directory, os.path.expanduser(head))
    for name, is_dir in entries(folder):
        if name.startswith(".") and not current[len(head) :].startswith("."):
            continue
        if is_dir:
            yield Candidate(f"{head}{name}/")
        elif name.endswith((".py", ".sh")) or os.access(os.path.join(folder, name), os.X_OK):
            yield Candidate(head + name, "a script")


def operations_or_values(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """What can be run, or a value for what is run by default."""
    if "=" not in current:
        yield from operations(current, place, before)
    yield from assignments(current, place, before)


def assignments(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """``NAME=`` of what the operation has not been given yet, or the values of one."""
    word = next((word for word in before if "=" not in word), "")
    name, spec, project = _operation(word, place)
    if not name:
        return
    flags = spec.get("flags")
    flags = flags if isinstance(flags, dict) else {}
    if "=" in current:
        flag = current.partition("=")[0]
        constants = {} if _choices(flags.get(flag)) else _constants(project, spec)
        for value, about in _values(flags.get(flag), constants.get(flag)):
            yield Candidate(f"{flag}={value}", about)
        if isinstance(flags.get(flag), dict) and flags[flag].get("type") == "path":
            yield Candidate("", FILES)
        return
    given = {word.partition("=")[0] for word in before if "=" in word}
    constants = _constants(project, spec)
    for flag in dict.fromkeys([*constants, *flags]):
        if flag not in given:
            yield Candidate(f"{flag}=", _about_flag(flags.get(flag), constants.get(flag)))


def _defined(place: Place) -> dict[str, dict[str, Any]]:
    """The operations of the gage file, as far as they make sense."""
    from gage.gage_file import find_gage_file, glance

    try:
        path = find_gage_file(place.directory)
        top = glance(path) if path else {}
    except (GageError, OSError):
        return {}
    return {
        name: {"exec": spec} if isinstance(spec, str) else spec
        for name, spec in top.items()
        if not name.startswith("$") and isinstance(spec, str | dict)
    }


def _operation(word: str, place: Place) -> tuple[str, dict[str, Any], str]:
    """The operation, or script, that *word* names: its name, its definition, its project."""
    from gage.gage_file import file_operation, find_gage_file

    operations = _defined(place)
    try:
        path = find_gage_file(place.directory)
        project = os.path.dirname(path) if path else place.directory
        defaults = [name for name, spec in operations.items() if spec.get("default") is True]
        if not defaults and len(operations) == 1:
            defaults = list(operations)
        name = word or (defaults[0] if defaults else "")
        if name in operations:
            return name, operations[name], project
        if not name:
            return "", {}, project
        script = os.path.join(place.directory, os.path.expanduser(name))
        opref, opdef = file_operation(script, project)
        return opref.name, opdef.data, project
    except (GageError, OSError):
        return "", {}, ""


def _constants(project: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    selectors = spec.get("config")
    selectors = [selectors] if isinstance(selectors, str) else selectors
    if not isinstance(selectors, list) or not all(isinstance(s, str) for s in selectors):
        return {}
    from gage.config import read_config

    try:
        return {key: constant.value for key, constant in read_config(project, selectors).items()}
    except (GageError, OSError):
        return {}


def _choices(flag: Any) -> list[Any]:
    """The values that a flag's declaration allows, where it tells them one by one."""
    if not isinstance(flag, dict):
        return []
    choices = flag.get("choices")
    return choices if isinstance(choices, list) else []


def _values(flag: Any, constant: Any) -> Iterator[tuple[str, str]]:
    from gage.scalar import format_value

    declared = flag if isinstance(flag, dict) else {}
    default = declared.get("default", constant) if isinstance(flag, dict) else flag
    default = constant if default is None else default
    values = _choices(flag)
    if not values and (isinstance(default, bool) or declared.get("type") == "boolean"):
        values = [True, False]
    if not values and default is not None and not declared.get("secret"):
        values = [default]
    for value in values:
        if value is None or isinstance(value, str | int | float):
            same = value == default and type(value) is type(default)
            yield format_value(value), "the default" if same else ""


def _about_flag(flag: Any, constant: Any) -> str:
    from gage.scalar import format_value

    if isinstance(flag, dict):
        about = flag.get("description")
        if isinstance(about, str) and about:
            return about.partition("\n")[0]
        flag = flag.get("default")
    value = constant if flag is None else flag
    is_scalar = value is not None and isinstance(value, str | int | float)
    return format_value(value) if is_scalar else ""
