"""A selector: which keys of which files are config, as ``train.py#lr`` or ``-conf/*.yaml#db.*``.

What stands before ``#`` is the path of a file in the project, or a pattern of paths; what
stands behind it, a key or a pattern of keys. A leading ``-`` excludes.

A key is written with a dot between its components. A component that is empty, or holds a
dot, ``#``, ``=``, ``*``, a double quote, white space or what cannot be printed, is written
as a JSON string, and so is such a path (where a dot is nothing special).
"""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from gage.errors import ConfigError
from gage.literal import KeyPath
from gage.scalar import quoted

_GLOB = re.compile(r"[*?\[]")


class Selector(NamedTuple):
    """A parsed selector; ``key`` is None where it takes all keys, else a pattern a level."""

    text: str
    excludes: bool
    file: str
    key_text: str
    key: tuple[re.Pattern[str] | None, ...] | None
    """None in it stands for ``**``, any number of levels."""

    def __str__(self) -> str:
        return self.text


def parse_selector(text: str) -> Selector:
    """The selector that *text* is. Raises ConfigError."""
    excludes = text.startswith("-")
    rest = text.removeprefix("-")
    if rest.startswith('"'):
        file, end = _json_string(text, rest)
        separator, key = rest[end : end + 1], rest[end + 1 :]
        if separator not in ("", "#"):
            raise ConfigError(f"{text}: expected `#` behind the file")
    else:
        file, separator, key = rest.partition("#")
    file = os.path.normpath(file) if file else ""
    if file in ("", ".", "..") or file.startswith(("/", "../")):
        raise ConfigError(f"{text}: not a file of the project", "name one by its path in it")
    if not _is_path(file):
        raise ConfigError(f"{text}: no file can be called so")
    return Selector(text, excludes, file, key, _key_pattern(text, key) if separator else None)


def takes(selector: Selector, path: KeyPath) -> bool:
    """Whether *selector* means the key at *path*."""
    return selector.key is None or _matches(selector.key, path)


def format_key(path: KeyPath) -> str:
    """The key at *path* as text, which no other path has."""
    return ".".join(
        quoted(part) if part == "" or not _is_plain(part) or "." in part else part for part in path
    )


def format_file_key(file: str, key: str) -> str:
    """The name of *key* where more than one selected file has it."""
    return f"{file if _is_plain(file) else quoted(file)}#{key}"


def files_of(root: str, selector: Selector) -> list[str]:
    """The files below *root* that *selector* means, sorted, relative to *root*.

    A pattern enters no hidden directory that it does not name, no virtual environment, no
    directory that holds ``.nocopy``, and never a link to a directory.
    """
    if not _GLOB.search(selector.file):
        return [selector.file]
    return sorted(set(_glob(root, "", selector.file.split("/"))))


def _is_path(file: str) -> bool:
    try:
        return b"\0" not in os.fsencode(file)
    except UnicodeEncodeError:  # half a character, that only JSON can spell
        return False


def _key_pattern(text: str, key: str) -> tuple[re.Pattern[str] | None, ...]:
    parts: list[re.Pattern[str] | None] = []
    rest = "." + key
    while rest:
        rest = rest[1:]
        if rest.startswith('"'):
            part, end = _json_string(text, rest)
            parts.append(re.compile(re.escape(part)))
        else:
            part = rest.partition(".")[0]
            end = len(part)
            if not part:
                raise ConfigError(f"{text}: a part of the key is empty", 'write it as ""')
            pattern = ".*".join(map(re.escape, part.split("*")))
            parts.append(None if part == "**" else re.compile(pattern, re.DOTALL))
        rest = rest[end:]
        if rest and not rest.startswith("."):
            raise ConfigError(f"{text}: expected a dot behind the quoted part of the key")
    return tuple(parts)


def _json_string(text: str, rest: str) -> tuple[str, int]:
    import json

    try:
        value, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        raise ConfigError(f"{text}: the quoted part is no JSON string") from None
    return str(value), end


def _matches(key: tuple[re.Pattern[str] | None, ...], path: KeyPath) -> bool:
    if not key:
        return not path
    first, rest = key[0], key[1:]
    if first is None:
        return any(_matches(rest, path[skipped:]) for skipped in range(len(path) + 1))
    return bool(path and first.fullmatch(path[0]) and _matches(rest, path[1:]))


def _is_plain(part: str) -> bool:
    return part.isprintable() and not any(char in part for char in '#=*" ')


def _glob(root: str, directory: str, parts: list[str]) -> Iterator[str]:
    """The files below *directory* (relative to *root*) that the pattern *parts* mean."""
    from fnmatch import fnmatchcase

    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _glob(root, directory, rest or ["*"])
    with os.scandir(os.path.join(root, directory)) as listing:
        entries = list(listing)
    for entry in entries:
        path = os.path.join(directory, entry.name)
        hidden = entry.name.startswith(".") and not part.startswith(".")
        if hidden or (part != "**" and not fnmatchcase(entry.name, part)):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _is_pruned(entry.path) and (rest or part == "**"):
                yield from _glob(root, path, parts if part == "**" else rest)
        elif not rest and part != "**" and entry.is_file():
            yield path


def _is_pruned(directory: str) -> bool:
    return any(os.path.lexists(os.path.join(directory, name)) for name in ("pyvenv.cfg", ".nocopy"))
