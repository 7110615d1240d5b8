"""The gage file: the operations of a project and its settings, beside what they are about.

``gage.yaml``, ``gage.toml`` or ``gage.json``. The shape is that of gage-file.schema.json,
which ships with the package; the rules beyond the shape are in gage_file_rules.py.
"""

import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from gage.errors import ConfigError, NotFoundError, UsageError
from gage.located import Document, read_document, read_text, shown_path
from gage.nearest import did_you_mean
from gage.opdef import OpDef
from gage.opref import OpRef, parse_opname
from gage.python_name import python_name
from gage.scalar import quoted
from gage.schema import Schema, Violation, violations
from gage.trust import check_trust

NAMES = ("gage.yaml", "gage.toml", "gage.json")

_TEXT_LIMIT = 1_000_000
"""Bytes of a file that the default rule of source code still takes."""


class GageFile(NamedTuple):
    """A gage file that is right; *project* is its directory, *settings* have no ``$``."""

    path: str
    project: str
    operations: dict[str, OpDef]
    settings: dict[str, Any]


def find_gage_file(start: str) -> str | None:
    """The gage file of the directory *start* or the nearest above it.

    Above the home directory and on other file systems nothing is looked for. Raises
    ConfigError where a directory holds two.
    """
    directory = os.path.abspath(start)
    home = os.path.abspath(os.path.expanduser("~"))
    try:
        device = os.stat(directory).st_dev
    except OSError:
        raise NotFoundError(f"{start}: no such directory") from None
    while True:
        found = [name for name in NAMES if os.path.lexists(os.path.join(directory, name))]
        if len(found) > 1:
            where = shown_path(directory)
            raise ConfigError(f"{where}: both {' and '.join(found)}", "a project has one gage file")
        if found:
            return os.path.join(directory, found[0])
        parent = os.path.dirname(directory)
        if directory in (home, parent) or os.stat(parent).st_dev != device:
            return None
        directory = parent


def load_gage_file(path: str) -> GageFile:
    """The gage file at *path*. Raises ConfigError that names file, line and key, or says
    that it is another's and not trusted.
    """
    document = _read_trusted(path)
    for violation in _violations(document):
        raise document.wrong(*violation)
    return _gage_file(document)


def glance(path: str) -> dict[str, Any]:
    """What the gage file at *path* has at its top, whatever else may be wrong with it.

    Only who helps to write a command may be content with it. Raises ConfigError where it
    cannot be read at all.
    """
    data = _read_trusted(path).data
    return data if isinstance(data, dict) else {}


def mentions(path: str, name: str) -> bool:
    """Whether *name* stands anywhere in the gage file at *path*, which need not make sense.

    Raises ConfigError where it is not trusted, or no text.
    """
    check_trust(path, os.environ)
    return name in read_text(path)


def check_gage_file(path: str) -> list[ConfigError]:
    """All that is wrong with the gage file at *path*, in the order of its lines."""
    try:
        document = _read_trusted(path)
    except ConfigError as error:
        return [error]
    found = sorted(_violations(document), key=lambda v: document.line(v.place) or 0)
    return [document.wrong(*violation) for violation in found]


def find_operation(gage_file: GageFile, name: str, namespace: str = "") -> tuple[OpRef, OpDef]:
    """The operation *name*, in *namespace* first. Raises NotFoundError naming the nearest."""
    from gage.gage_file_rules import look_up

    full = look_up(name, namespace, gage_file.operations)
    if full is None:
        where = shown_path(gage_file.path)
        hint = did_you_mean(name, gage_file.operations)
        raise NotFoundError(f"{name}: no such operation in {where}", hint)
    return parse_opname(full), gage_file.operations[full]


def default_operation(gage_file: GageFile) -> tuple[OpRef, OpDef]:
    """The operation that says ``default: true``, or the only one. Raises ConfigError."""
    operations = gage_file.operations
    names = [name for name, opdef in operations.items() if opdef.data.get("default")]
    if not names and len(operations) == 1:
        names = list(operations)
    if not names:
        hint = f"name one: {', '.join(operations)}" if operations else ""
        raise ConfigError(f"{shown_path(gage_file.path)}: no operation is the default", hint)
    return parse_opname(names[0]), operations[names[0]]


def file_operation(path: str, project: str) -> tuple[OpRef, OpDef]:
    """The operation that the file at *path*, in the directory *project*, is by itself.

    Python scripts run with their constants as config, by ``python3`` where the PATH has no
    ``python``; ``.sh`` by sh unless executable, and
    what is executable as it is. Raises NotFoundError, and ConfigError for what is none.
    """
    name = os.path.relpath(path, project)
    if name == ".." or name.startswith("../"):
        raise UsageError(f"{path}: not in the project {project}")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        raise NotFoundError(f"{path}: no such file") from None
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{path}: not a file that could be run")
    data: dict[str, Any] = {}
    here = f"./{name}".replace("${", "$${")
    if name.endswith(".py"):
        data["exec"] = [python_name(os.environ), here if name.startswith("-") else here[2:]]
        data["config"] = _selector(name)
    elif mode & 0o111:
        data["exec"] = [here]
    elif name.endswith(".sh"):
        data["exec"] = ["sh", here if name.startswith("-") else here[2:]]
    else:
        raise ConfigError(f"{name}: not executable", f"chmod +x {name}")
    if not _is_source(path):
        from gage.patterns import literal

        data["depends"] = [{"files": literal(name)}]
    return OpRef("", name), OpDef(name, data)


def gage_file_schema() -> Schema:
    """The JSON Schema of a gage file."""
    import json

    path = os.path.join(os.path.dirname(__file__), "gage-file.schema.json")
    with open(path, encoding="utf-8") as file:
        schema: Schema = json.load(file)
    return schema


def check_definition(data: dict[str, Any], source: str) -> None:
    """Raise ConfigError unless *data*, read from *source*, has the shape of an operation.

    It need not say what to execute.
    """
    schema = gage_file_schema()
    whole = data if "exec" in data or "steps" in data else {**data, "exec": ["true"]}
    for found in violations({"run": whole}, schema):
        place = ".".join(map(str, found.place[1:]))
        message = f"{place}: {found.message}" if place else found.message
        raise ConfigError(f"{source}: {message}", found.hint)


def _read_trusted(path: str) -> Document:
    try:
        check_trust(path, os.environ)
    except FileNotFoundError:
        pass  # to read it will tell
    return read_document(path)


def _violations(document: Document) -> Iterator[Violation]:
    data = {} if document.data is None else document.data
    wrong = False
    for violation in violations(data, gage_file_schema()):
        wrong = True
        yield violation
    if not wrong:
        # All that operations are made of: who only glances at the file does not need it.
        from gage.gage_file_rules import broken_rules

        yield from broken_rules(_gage_file(document).operations, os.path.dirname(document.path))


def _gage_file(document: Document) -> GageFile:
    data = document.data or {}
    operations = {
        name: OpDef(name, {"exec": spec} if isinstance(spec, str) else spec)
        for name, spec in data.items()
        if not name.startswith("$")
    }
    settings = {name[1:]: value for name, value in data.items() if name.startswith("$")}
    return GageFile(document.path, os.path.dirname(document.path) or ".", operations, settings)


def _is_source(path: str) -> bool:
    """Whether the default rule takes the file: a text of moderate size."""
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_size <= _TEXT_LIMIT and b"\0" not in file.read(8192)


def _selector(name: str) -> str:
    """The selector of config that means the file *name* and no pattern."""
    text = "".join(f"[{char}]" if char in "*?[" else char for char in name)
    odd = not text.isprintable() or any(char in text for char in '#=*" ')
    return quoted(text) if odd else f"./{text}" if text.startswith("-") else text
