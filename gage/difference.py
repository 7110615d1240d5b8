"""The difference between two runs, or two attempts of one: what went in, what came of it.

It is a mapping of JSON values under the names of the facts, with what differs alone. A pair
is ``{"a": VALUE, "b": VALUE}``, and has not the key of the side that has no such value.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from gage.attempts import Attempt
from gage.errors import GageError
from gage.manifest import DEPENDENCY, SOURCE, Entry
from gage.output import CHUNK, RUN, read_tail
from gage.patch import format_patch, line_counts
from gage.recorded import read_json_fact
from gage.run import Run, read_fact, run_meta_path
from gage.staged_source import source_text, staged_entries
from gage.step_tree import step_tree

T = TypeVar("T")

Pair = dict[str, Any]


PARTS: Mapping[str, Sequence[str]] = {
    "flags": ("config",),
    "source": ("files", "diff"),
    "deps": ("dependencies", "files"),
    "output": ("output",),
    "metrics": ("metrics", "attributes"),
}
"""What of a difference each part of it has that may be asked for."""

OUTPUT_LIMIT = 1 << 18
"""So many bytes of output are compared line by line."""

_TYPES = {"source": SOURCE, "deps": DEPENDENCY}


class Side(NamedTuple):
    """What is compared: an attempt of a run."""

    run: Run
    attempt: Attempt


def difference(a: Side, b: Side) -> dict[str, Any]:
    """What is not the same in *a* and *b*; empty where all is.

    ``operation``, ``exit`` and ``command`` are pairs; ``config``, ``env``, ``metrics``,
    ``attributes``, ``dependencies`` (by path), ``files`` (by path) and ``steps`` (by name)
    mappings to pairs; ``output`` is a pair of sizes with the number of the first ``line``
    that differs, ``diff`` a unified diff of the source code that is at hand. What is missing
    or damaged counts as not there.
    """
    entries = _entries(a), _entries(b)
    found = {
        "operation": _pair(str(a.run.opref or ""), str(b.run.opref or "")),
        "exit": _pair(_exit(a), _exit(b)),
        "command": _pair(_json(a, "proc/cmd.json"), _json(b, "proc/cmd.json")),
        "config": _pairs(_object(a, "config.json"), _object(b, "config.json")),
        "env": _env(a, b),
        "dependencies": _pairs(_dependencies(a), _dependencies(b)),
        "files": _pairs(_files(entries[0]), _files(entries[1])),
        "diff": _diff(a, b, *entries).decode("utf-8", "surrogateescape"),
        "output": _output(a, b),
        "metrics": _pairs(_summary(a, "metrics"), _summary(b, "metrics")),
        "attributes": _pairs(_summary(a, "attributes"), _summary(b, "attributes")),
        # The steps of a pipeline are kept once: an earlier attempt of it had the same.
        "steps": _pairs(_steps(a.run), _steps(b.run)) if a.run != b.run else {},
    }
    return {name: value for name, value in found.items() if value}


def of_parts(found: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Of the difference *found* what belongs to these *parts*: keys of ``PARTS``."""
    names = {name for part in parts for name in PARTS[part]}
    kept = {name: value for name, value in found.items() if name in names}
    types = [_TYPES[part] for part in parts if part in _TYPES]
    if "files" in kept:
        kept["files"] = {
            path: pair
            for path, pair in kept["files"].items()
            if any(side["type"] in types for side in pair.values())
        }
    return {name: value for name, value in kept.items() if value}


def output_difference(a: Side, b: Side) -> dict[str, str]:
    """``diff``: how what *a* and *b* wrote differs, line by line.

    Nothing where one of them wrote more than is worth to be compared so.
    """
    outputs = [read_tail(_output_path(side), OUTPUT_LIMIT + 1)[1] for side in (a, b)]
    if max(map(len, outputs)) > OUTPUT_LIMIT:
        return {}
    diff = format_patch(b"a/output", b"b/output", *outputs)
    return {"diff": diff.decode("utf-8", "surrogateescape")}


def stat_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What differs by name: the kind, the name, and of text how many lines."""
    for kind in ("operation", "exit", "command"):
        if kind in found:
            yield kind, "", ""
    for kind in ("config", "env", "metrics", "attributes", "dependencies", "steps"):
        for name in found.get(kind, ()):
            yield {"config": "flag", "env": "variable"}.get(kind, kind.rstrip("s")), name, ""
    diff = str(found.get("diff", "")).encode("utf-8", "surrogateescape")
    # Each is named after its side, unless it is only in the other.
    counts = {path[2:]: f"+{more} -{less}" for path, more, less in line_counts(diff)}
    for path, pair in found.get("files", {}).items():
        which = "" if len(pair) == 2 else f"only in {next(iter(pair))}"
        yield "file", path, counts.get(path, which)
    if output := found.get("output"):
        yield "output", "", f"{output['a']} bytes, {output['b']} bytes"


def changed_names(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys whose values are not the same in all *mappings*."""
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    first, *others = mappings
    return [name for name in names if any(_pairs(first, other, [name]) for other in others)]


def _pair(a: Any, b: Any) -> Pair:
    return {} if _same(a, b) else {k: v for k, v in (("a", a), ("b", b)) if v is not None}


def _pairs(
    a: Mapping[str, Any], b: Mapping[str, Any], names: Sequence[str] = ()
) -> dict[str, Pair]:
    found = {}
    for name in names or dict.fromkeys([*a, *b]):
        pair = {side: values[name] for side, values in (("a", a), ("b", b)) if name in values}
        if len(pair) == 1 or (pair and not _same(pair["a"], pair["b"])):
            found[name] = pair
    return found


def _same(a: Any, b: Any) -> bool:
    # 1, 1.0 and true are equal in Python, and three values.
    return repr(a) == repr(b)


def _exit(side: Side) -> int | None:
    text = _read(lambda: read_fact(side.run, *side.attempt.folder, "proc", "exit")) or ""
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else None


def _env(a: Side, b: Side) -> dict[str, Pair]:
    ours, theirs = _json(a, "proc/env.json"), _json(b, "proc/env.json")
    both = isinstance(ours, dict) and isinstance(theirs, dict)
    return _pairs(ours, theirs) if both else {}


def _dependencies(side: Side) -> dict[str, Any]:
    records = _json(side, "dependencies.json")
    return {
        str(record.get("path")): record
        for record in (records if isinstance(records, list) else [])
        if isinstance(record, dict)
    }


def _summary(side: Side, part: str) -> dict[str, Any]:
    value = _object(side, "summary.json").get(part)
    return value if isinstance(value, dict) else {}


def _steps(run: Run) -> dict[str, Pair]:
    return {
        branch.name: {
            "operation": branch.row.operation,
            "status": branch.row.status,
            "settings": branch.row.settings,
        }
        for branch in step_tree(run)
        if branch.row
    }


def _entries(side: Side) -> dict[str, Entry]:
    entries = _read(lambda: staged_entries(side.run, side.attempt)) or []
    return {entry.path: entry for entry in entries}


def _files(entries: Mapping[str, Entry]) -> dict[str, Pair]:
    return {path: {"type": entry.type, "digest": entry.digest} for path, entry in entries.items()}


def _diff(a: Side, b: Side, ours: Mapping[str, Entry], theirs: Mapping[str, Entry]) -> bytes:
    diff = b""
    for path in dict.fromkeys([*ours, *theirs]):
        entries = ours.get(path), theirs.get(path)
        if entries[0] == entries[1] or any(e.type != SOURCE for e in entries if e):
            continue
        texts = [_text(side, entry) for side, entry in zip((a, b), entries, strict=True)]
        if texts[0] is not None and texts[1] is not None:
            names = [
                os.fsencode(f"{letter}/{path}" if entry else "/dev/null")
                for letter, entry in zip("ab", entries, strict=True)
            ]
            diff += format_patch(names[0], names[1], texts[0], texts[1])
    return diff


def _text(side: Side, entry: Entry | None) -> bytes | None:
    """What the file held, nothing where there is none; None where it is no text at hand."""
    data = source_text(side.run, entry) if entry else b""
    return None if data is None or b"\0" in data else data


def _output(a: Side, b: Side) -> dict[str, int]:
    fds = [_opened(side) for side in (a, b)]
    try:
        line = 1
        while (ours := _piece(fds[0])) == (theirs := _piece(fds[1])):
            if not ours:
                return {}
            line += ours.count(b"\n")
        line += ours[: _equal_bytes(ours, theirs)].count(b"\n")
        return {"a": _size(fds[0]), "b": _size(fds[1]), "line": line}
    finally:
        for fd in fds:
            os.close(fd)


def _equal_bytes(ours: bytes, theirs: bytes) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(ours), len(theirs)))


def _output_path(side: Side) -> str:
    return run_meta_path(side.run, *side.attempt.folder, "output", RUN)


def _opened(side: Side) -> int:
    path = _output_path(side)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except OSError:
        return os.open(os.devnull, flags)


def _piece(fd: int) -> bytes:
    try:
        return os.read(fd, CHUNK)
    except OSError:
        return b""


def _size(fd: int) -> int:
    return os.fstat(fd).st_size


def _object(side: Side, name: str) -> dict[str, Any]:
    value = _json(side, name)
    return value if isinstance(value, dict) else {}


def _json(side: Side, name: str) -> Any:
    return _read(lambda: read_json_fact(side.run, *side.attempt.folder, *name.split("/")))


def _read(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (GageError, OSError):
        return None
