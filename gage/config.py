"""Config: the values that are written in a project's files, read and changed in place.

Which files and keys is said by selectors; what a file can say, by its format. Only the
literal of a value changes: every other byte of the file stays.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gage.constant import Constant
from gage.errors import ConfigError
from gage.literal import (
    Document,
    Format,
    KeyPath,
    Literal,
    UnreadableError,
    UnwritableError,
    rewrite,
)
from gage.nearest import did_you_mean, nearest_file
from gage.scalar import Scalar, format_value, kind_of, same
from gage.selector import (
    Selector,
    files_of,
    format_file_key,
    format_key,
    parse_selector,
    takes,
)

MAX_SIZE = 10_000_000
"""Bytes of a file of config; what is larger is data."""

MAX_SIZES = {".yaml": 1_000_000, ".yml": 1_000_000, ".toml": 1_000_000}
"""The same for languages that take ten times as long to read as others."""

_SUFFIXES = (".py", ".yaml", ".yml", ".json", ".toml", ".ipynb")


class _File(NamedTuple):
    path: str
    source: bytes
    format: Format
    document: Document
    chosen: list[Literal]


def read_config(root: str, selectors: Sequence[str]) -> dict[str, Constant]:
    """The config that *selectors* choose from the files below *root*, by key.

    Where two files have the same key, both are named ``FILE#KEY``. Raises ConfigError for
    a selector that chooses nothing and for a file that cannot be read.
    """
    return {
        key: Constant(key, literal.value, file.path, literal.line, literal.kinds)
        for key, (file, literal) in _named(_read(root, selectors)).items()
    }


def changed_files(
    root: str,
    selectors: Sequence[str],
    values: Mapping[str, Scalar],
    *,
    force: frozenset[str] = frozenset(),
) -> dict[str, tuple[bytes, bytes]]:
    """The files that *values* change, as their bytes before and after; writes nothing.

    A value whose kind its constant does not allow is refused, unless its key is in
    *force*. A key that no file has is passed over: it may be a flag that lives in the
    environment alone. Raises ConfigError.
    """
    files = _read(root, selectors)
    named = _named(files)
    changes: dict[str, dict[KeyPath, Scalar]] = {}
    for key, value in values.items():
        if key in named:
            file, literal = named[key]
            value = _fitting(key, value, file.path, literal, key in force)
            if not same(value, literal.value):
                changes.setdefault(file.path, {})[literal.path] = value
        elif key not in force and _doubles(key, named):
            raise unknown_key(key, named)
    return {
        file.path: (file.source, _rewritten(file, changes[file.path]))
        for file in files
        if file.path in changes
    }


def unknown_key(name: str, known: Iterable[str]) -> ConfigError:
    """The error that *name* is none of the keys *known*; it names the nearest."""
    known = list(known)
    if doubles := _doubles(name, known):
        return ConfigError(
            f"{name}: more than one file has this key", f"say which: {' or '.join(doubles)}"
        )
    return ConfigError(f"{name}: no such key in the config", did_you_mean(name, known))


def _doubles(name: str, known: Iterable[str]) -> list[str]:
    return [key for key in known if key.endswith(f"#{name}")]


def _named(files: Sequence[_File]) -> dict[str, tuple[_File, Literal]]:
    """The chosen literals by key, and by file and key where a key is in more than one file."""
    found = [(format_key(literal.path), file, literal) for file in files for literal in file.chosen]
    times = Counter(key for key, _, _ in found)
    return {
        key if times[key] == 1 else format_file_key(file.path, key): (file, literal)
        for key, file, literal in found
    }


def _fitting(key: str, value: Scalar, file: str, literal: Literal, forced: bool) -> Scalar:
    """*value* as the literal can say it. Raises ConfigError for a kind that it may not have."""
    where = f"{file}:{literal.line}: {key}"
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{where}: a string of config holds no NUL")
    if kind_of(value) not in literal.kinds and not forced:
        expected = " or ".join(sorted(literal.kinds))
        raise ConfigError(
            f"{where}: {format_value(value)} is of type {kind_of(value)}; expected {expected}",
            "a flag of this name in the gage file can allow another type",
        )
    if type(value) is int and isinstance(literal.value, float) and not forced:
        # A number without a point would read back as an integer.
        as_float = float(value) if abs(value) < 2**1023 else 0.0
        if as_float != value:
            raise ConfigError(f"{where}: {value} is more than a float can hold exactly")
        return as_float
    return value


def _rewritten(file: _File, values: Mapping[KeyPath, Scalar]) -> bytes:
    try:
        return rewrite(file.format, file.source, file.document, values)
    except UnwritableError as error:
        keys = ", ".join(map(format_key, values))
        raise ConfigError(f"{file.path}: {keys}: cannot be written: {error}") from None


def _read(root: str, selectors: Sequence[str]) -> list[_File]:
    parsed = [parse_selector(text) for text in selectors]
    rules: dict[str, list[Selector]] = {}
    for selector in parsed:
        for path in _paths(root, selector):
            if selector.excludes and selector.key is None:
                rules.pop(path, None)
            elif path in rules or not selector.excludes:
                rules.setdefault(path, []).append(selector)
    files = [_read_file(root, path, rules[path]) for path in rules]
    for selector in parsed:
        having = [file for file in files if selector in rules[file.path]]
        if having and not selector.excludes and selector.key is not None:
            _expect_some(selector, having)
    return files


def _expect_some(selector: Selector, files: Sequence[_File]) -> None:
    """Raise ConfigError unless *selector* takes a key of *files*; say why it takes none."""
    keys: list[str] = []
    for file in files:
        for literal in file.document.literals:
            if takes(selector, literal.path):
                return
            keys.append(format_key(literal.path))
    wanted = selector.key_text
    for file in files:
        for path, why in file.document.refused.items():
            if format_key(path) == wanted:
                raise ConfigError(f"{selector}: {wanted} {why}")
    below = [key for key in keys if key.startswith(f"{wanted}.")]
    hint = f"did you mean {wanted}.* or {below[0]}?" if below else did_you_mean(wanted, keys)
    raise ConfigError(f"{selector}: no key of the config matches", hint)


def _paths(root: str, selector: Selector) -> list[str]:
    """The files that *selector* means, as themselves where it means a link to one."""
    found = files_of(root, selector)
    is_pattern = found != [selector.file]
    if is_pattern:
        found = [path for path in found if path.endswith(_SUFFIXES)]
    top = os.path.realpath(root)
    paths: dict[str, None] = {}
    for path in found:
        real = os.path.relpath(os.path.realpath(os.path.join(top, path)), top)
        if real != ".." and not real.startswith("../"):
            paths[real] = None
        elif not is_pattern:
            raise ConfigError(f"{selector}: {path} is a link that leads out of the project")
    if not paths and not selector.excludes:
        raise ConfigError(f"{selector}: no file of config matches")
    return list(paths)


def _read_file(root: str, path: str, rules: Sequence[Selector]) -> _File:
    format = _format_of(path)
    source = _read_bytes(root, path)
    try:
        document = format.parse(source)
    except UnreadableError as error:
        line = f":{error.line}" if error.line else ""
        raise ConfigError(f"{path}{line}: {error.trouble}") from None
    chosen = []
    for literal in document.literals:
        last = [rule for rule in rules if takes(rule, literal.path)][-1:]
        if last and not last[0].excludes:
            chosen.append(literal)
    return _File(path, source, format, document, chosen)


def _read_bytes(root: str, path: str) -> bytes:
    whole = os.path.join(root, path)
    try:
        status = os.stat(whole)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: not a regular file")
        limit = MAX_SIZES.get(os.path.splitext(path)[1].lower(), MAX_SIZE)
        if status.st_size > limit:
            raise ConfigError(f"{path}: larger than {limit // 1_000_000} MB")
        with open(whole, "rb") as file:
            return file.read(limit)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{path}: no such file", nearest_file(whole)) from None


def _format_of(path: str) -> Format:
    """The format that the name of a file tells; each is imported where it is met."""
    match os.path.splitext(path)[1].lower():
        case ".py":
            from gage import config_python as python

            return python
        case ".yaml" | ".yml":
            from gage import config_yaml as yaml

            return yaml
        case ".json":
            from gage import config_json as json

            return json
        case ".toml":
            from gage import config_toml as toml

            return toml
        case ".ipynb":
            from gage import config_notebook as notebook

            return notebook
    known = ", ".join(_SUFFIXES)
    raise ConfigError(f"{path}: not a file of config", f"known by their names: {known}")
