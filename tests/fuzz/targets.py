"""What is fuzzed: everything that reads what a stranger may have written.

A target takes any bytes. It must end, raise nothing but what its reader documents, and start
no process.
"""

import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gage import (
    config_json,
    config_notebook,
    config_python,
    config_toml,
    config_yaml,
    files_log,
    filters,
    flags,
    index,
    moments,
    opref,
    output_index,
    patch,
    selector,
    sequence,
    shell_text,
    step,
)
from gage.batch_file import read_batch_file
from gage.command import check_command
from gage.errors import GageError
from gage.gage_file import check_gage_file, load_gage_file
from gage.literal import Format, UnreadableError, UnwritableError, rewrite
from gage.manifest import format_entry, parse_manifest
from gage.opdef import OpDef, flag_defs
from gage.patterns import compile_patterns
from gage.row_format import parse_format
from gage.scalar import Scalar, format_value, same

_STARTS = {
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
    *("subprocess.Popen", "pty.spawn", "ctypes.dlopen", "socket.connect"),
}
_watching = False


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _watching and event in _STARTS:
        raise AssertionError(f"{event}{args!r}: a reader starts nothing")


sys.addaudithook(_audit)


@contextmanager
def watched() -> Iterator[None]:
    """Let nothing be started for a ``with`` block."""
    global _watching
    _watching = True
    try:
        yield
    finally:
        _watching = False


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _file(data: bytes, suffix: str, read: Callable[[str], object]) -> None:
    path = os.path.join(_place(), f"gage.{suffix}")
    with open(path, "wb") as file:
        file.write(data)
    try:
        read(path)
    except GageError:
        pass
    finally:
        os.remove(path)


_directory = ""


def _place() -> str:
    global _directory
    _directory = _directory or tempfile.mkdtemp()
    return _directory


def _gage_file(suffix: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        _file(data, suffix, check_gage_file)
        _file(data, suffix, load_gage_file)

    return target


def _batch_file(data: bytes) -> None:
    suffix = ("csv", "json", "yaml", "toml")[data[0] % 4] if data else "csv"
    _file(data[1:], suffix, read_batch_file)


def _config(format: Format) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        # What stands in front is the new value for one of the literals.
        new, _, source = data.partition(b"\xff\n")
        if not source:
            new, source = b"new", data
        try:
            document = format.parse(source)
        except UnreadableError:
            return
        value = flags.parse_value(_text(new))
        for literal in document.literals[:3]:
            try:
                written = rewrite(format, source, document, {literal.path: value})
            except UnwritableError:
                continue
            found = {other.path: other.value for other in format.parse(written).literals}
            expected = {other.path: other.value for other in document.literals}
            expected[literal.path] = value
            assert found.keys() == expected.keys()
            assert all(same(found[path], expected[path]) for path in found)

    return target


def _shell_text(data: bytes) -> None:
    text = _text(data)
    for fill in (shell_text.fill_shell, shell_text.fill_text):
        try:
            fill(text, lambda name: name)
        except GageError:
            pass
    try:
        check_command([text])
        check_command(text)
    except GageError:
        pass


_FLAGS: Mapping[str, Any] = {
    "any": None, "int": {"type": "int"}, "float": 0.5, "word": "a", "yes": {"type": "boolean"},
    "one": {"choices": [1, 2.5, "a"]}, "less": {"type": "number", "max": 1}, "t": {"secret": True},
}  # fmt: skip


def _flags(data: bytes) -> None:
    opdef = OpDef("any", {"flags": dict(_FLAGS)})
    try:
        name, text = flags.parse_assignment(_text(data))
        found = flags.resolve_config(opdef, {}, {name: text})
    except GageError:
        return
    value = found.config[name]
    flags.flag_environment(opdef, found.config)
    assert flag_defs(opdef)[name].secret or _reads_back(value)


def _reads_back(value: Scalar) -> bool:
    return same(flags.parse_value(format_value(value)), value)


def _raising(read: Callable[[str], object], *also: type[Exception]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        try:
            read(_text(data))
        except (GageError, *also):
            pass

    return target


def _manifest(data: bytes) -> None:
    try:
        entries = parse_manifest(_text(data))
    except (GageError, ValueError):
        return
    assert parse_manifest("".join(format_entry(entry) + "\n" for entry in entries)) == entries


def _index(data: bytes) -> None:
    home = _place()
    for image in (data, data + zlib.crc32(data).to_bytes(4, "big")):
        with open(os.path.join(home, index.NAME), "wb") as file:
            file.write(image)
        index.load(home, ["id", "name"], [])


def _sequence(text: str) -> None:
    if sequence.is_sequence(text):
        sequence.parse_sequence(text)


def _step(text: str) -> None:
    step.step_names([step.parse_step(text)])


TARGETS: dict[str, Callable[[bytes], None]] = {
    "gage.yaml": _gage_file("yaml"),
    "gage.json": _gage_file("json"),
    "gage.toml": _gage_file("toml"),
    "a batch file": _batch_file,
    "config in Python": _config(config_python),
    "config in YAML": _config(config_yaml),
    "config in JSON": _config(config_json),
    "config in TOML": _config(config_toml),
    "config in notebooks": _config(config_notebook),
    "shell text": _shell_text,
    "a flag": _flags,
    "a sequence": _raising(_sequence),
    "a manifest": _manifest,
    "log/files": lambda data: (
        [files_log.parse_event(line) for line in _text(data).split("\n")] and None
    ),
    "an index": _index,
    "an index of output": lambda data: output_index.parse_record(data) and None,
    "an opref": _raising(opref.parse_opref, ValueError),
    "the name of an operation": _raising(opref.parse_opname),
    "a filter": _raising(lambda text: filters.parse_filter(text, lambda: 1_763_726_400_000_000)),
    "a time": _raising(lambda text: moments.parse_span(text, 1_763_726_400_000_000)),
    "a format": _raising(parse_format),
    "a selector": _raising(selector.parse_selector),
    "a pattern": _raising(lambda text: compile_patterns(text.split("\n"))("a/b")),
    "a step": _raising(_step),
    "a patch": lambda data: patch.parse_patches(data) and None,
}


def run_target(name: str, data: bytes) -> None:
    """Give *data* to a target, and let it start nothing."""
    with watched():
        TARGETS[name](data)


def run_any(data: bytes) -> None:
    """Give *data* but for its first byte to the target that this byte names."""
    if data:
        run_target(list(TARGETS)[data[0] % len(TARGETS)], data[1:])
