"""What was found that could be run: operations for a gage file that is not there yet.

A finder looks for one kind of thing in a directory, and yields what it found: operations, and
remarks about what it leaves out.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gage.errors import ConfigError


class Found(NamedTuple):
    """An operation called *name*, from the file *source*; *about* is what to say of it.

    Without a *definition* it is a remark about *source*.
    """

    name: str
    source: str
    definition: Mapping[str, Any]
    about: str = ""


def remark(source: str, about: str) -> Found:
    """That something of *source* is left out, and why."""
    return Found("", source, {}, about)


def is_remark(found: Found) -> bool:
    """Whether it is a remark, and no operation."""
    return not found.definition


def operation_name(text: str, namespace: str = "") -> str:
    """*text* as the name of an operation: with ``-`` for all that such a name cannot hold."""
    import re

    name = re.sub(r"[^\w.+-]+", "-", text).strip("-.+") or "run"
    return f"{namespace}:{name}" if namespace else name


def read_foreign(path: str) -> Mapping[str, Any] | Sequence[Any]:
    """The YAML document at *path*, a mapping or a list. Raises ConfigError, NotFoundError."""
    from gage.located import read_document

    data = read_document(path).data
    if not isinstance(data, dict | list):
        raise ConfigError(f"{path}: neither a mapping nor a list")
    return data


def is_program(path: str) -> bool:
    """Whether *path* is an executable file that begins as what Linux can run. Raises OSError."""
    if not os.path.isfile(path) or not os.stat(path).st_mode & 0o111:
        return False
    with open(path, "rb") as file:
        return file.read(4).startswith((b"#!", b"\x7fELF"))


def mapping(value: Any) -> dict[str, Any]:
    """*value* where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """*value* as a list: nothing for null, one thing for one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def quoted_braces(text: str) -> str:
    """*text* with ``${`` as what it is, and not the value of a flag."""
    return text.replace("${", "$${")
