r"""What ``${...}`` stands for in a ``dvc.yaml``: its vars, and what params.yaml has.

DVC puts values into the text of a stage before it makes anything of it; ``\${`` is plain.
A value that a person would change stays ``${name}`` in a command, where that means the same.
"""

import os
import re
from collections.abc import Callable, Container, Mapping
from typing import Any

from gage.errors import ConfigError, GageError
from gage.found import as_list, mapping, quoted_braces, read_foreign
from gage.trust import check_trust

PARAMS = "params.yaml"

_REFERENCE = re.compile(r"(?<!\\)\$\{\s*([^{}]*?)\s*\}")
_WORD = re.compile(r"[\w./+-]+")


def default_values(directory: str) -> dict[str, Any]:
    """The values of params.yaml; none where it cannot be read, which other messages tell."""
    try:
        return _file_values(directory, PARAMS)
    except GageError:
        return {}


def with_vars(values: Mapping[str, Any], items: Any, directory: str, folder: str) -> dict[str, Any]:
    """*values* and those of *items*, the ``vars`` of a file or a stage that works in *folder*.

    An item is a mapping, or ``FILE`` or ``FILE:KEY,KEY``. Raises ConfigError.
    """
    merged = dict(values)
    for item in as_list(items):
        if isinstance(item, str):
            file, _, keys = item.partition(":")
            found = _file_values(directory, os.path.normpath(os.path.join(folder, file)))
            names = keys.split(",") if keys else list(found)
            item = {name: found[name] for name in names if name in found}
        if not isinstance(item, dict):
            raise ConfigError(f"vars: {item}: neither a mapping nor a file")
        merged = _merged(merged, item)
    return merged


def resolved(value: Any, values: Mapping[str, Any]) -> Any:
    """*value*, all that is in it included, with *values* put in. Raises ConfigError."""
    if isinstance(value, dict):
        return {resolved(key, values): resolved(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, values) for item in value]
    if not isinstance(value, str):
        return value
    if whole := _REFERENCE.fullmatch(value):
        return _value(whole[1], values)
    return _filled(value, lambda name: _text(name, values)).replace("\\${", "${")


def filled_command(text: str, values: Mapping[str, Any], kept: Container[str]) -> str:
    """A command with *values* put in, but those called *kept*. Raises ConfigError."""

    def value_of(name: str) -> str:
        return f"${{{name}}}" if name in kept else quoted_braces(_text(name, values))

    return _filled(text, value_of).replace("\\${", "$${")


def references(text: str) -> list[str]:
    """The names of the values in *text*."""
    return _REFERENCE.findall(text)


def find_value(name: str, values: Mapping[str, Any]) -> Any:
    """The value called *name*, as ``train.lr`` or ``layers[0]``; None where there is none."""
    try:
        return _value(name, values)
    except ConfigError:
        return None


def is_plain(value: Any) -> bool:
    """Whether DVC and gage write *value* alike into a command, and a shell takes it as it is."""
    if isinstance(value, str):
        return bool(_WORD.fullmatch(value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _file_values(directory: str, file: str) -> dict[str, Any]:
    path = os.path.join(directory, file)
    try:
        # What it says gets into commands.
        check_trust(path, os.environ)
    except FileNotFoundError:
        pass  # to read it will tell
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    try:
        return mapping(read_foreign(path))
    except GageError as error:
        raise ConfigError(error.message.removeprefix(f"{directory}/")) from None


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _filled(text: str, value_of: Callable[[str], str]) -> str:
    return _REFERENCE.sub(lambda match: value_of(match[1]), text)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    value: Any = values
    for part in re.findall(r"[^.\[\]]+", name) or [name]:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise ConfigError(f"${{{name}}}: not among vars and what {PARAMS} has")
    return value


def _text(name: str, values: Mapping[str, Any]) -> str:
    value = _value(name, values)
    if isinstance(value, dict | list) or value is None:
        raise ConfigError(f"${{{name}}}: no single value, which has no counterpart here")
    return str(value).lower() if isinstance(value, bool) else str(value)
