r"""The manifest: which files a run is made of, each with its digest.

One line a file: ``TYPE DIGEST PATH``, in the order in which the files entered the run. A
path with a newline, a carriage return or a backslash is escaped as sha256sum(1) does: the
line begins with ``\``, and the three are written ``\n``, ``\r`` and ``\\``. Any other byte
stands for itself, so lines are split on ``\n`` and nothing else.

    s 3f9c639e1d6b056c071b44752ea97c694127291443065afa2689bf78ef3b8fb0 say.py
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gage.digest import SPARSE, algorithm_of
from gage.errors import StateError
from gage.run import Run, read_fact, run_meta_path

SOURCE, DEPENDENCY, RUNTIME, GENERATED = "s", "d", "r", "g"

_DIGEST = re.compile("(?:[a-z0-9-]+:)?[0-9a-f]{64}")
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_PLAIN = {escaped: plain for plain, escaped in _ESCAPED.items()}
_TO_ESCAPE = re.compile(r"[\\\n\r]")
_TO_UNESCAPE = re.compile(r"\\.?", re.DOTALL)


class Entry(NamedTuple):
    """One file of a run.

    *type* is ``s`` (source code), ``d`` (dependency), ``r`` (runtime) or ``g`` (generated);
    *path* is relative to the run dir, with ``/``.
    """

    type: str
    digest: str
    path: str


class Changes(NamedTuple):
    """How the files of a run dir differ from a manifest, each list in order."""

    added: list[str]
    modified: list[str]
    deleted: list[str]


def format_entry(entry: Entry) -> str:
    """The line of *entry*, without its newline."""
    return escape_line(f"{entry.type} {entry.digest} ", entry.path)


def parse_entry(line: str) -> Entry:
    """The inverse of format_entry.

    Raises StateError for any other line, and for a path that could lead out of a run dir.
    """
    type, _, rest = unescape_line(line).partition(" ")
    digest, _, path = rest.partition(" ")
    if type not in ("s", "d", "r", "g") or not is_digest(digest):
        raise StateError(f"{line!r}: expected `TYPE DIGEST PATH`")
    if not is_run_path(path):
        raise StateError(f"{path!r}: not a path within a run dir")
    return Entry(type, digest, path)


def format_manifest(entries: Iterable[Entry]) -> bytes:
    """The fact ``manifest`` of *entries*."""
    text = "".join(f"{format_entry(entry)}\n" for entry in entries)
    return text.encode("utf-8", "surrogateescape")


def parse_manifest(text: str) -> list[Entry]:
    """The entries of a manifest. Raises StateError that names the line."""
    entries = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        try:
            entries.append(parse_entry(line))
        except StateError as error:
            raise StateError(f"line {number}: {error.message}") from None
    return entries


def read_manifest(run: Run) -> list[Entry]:
    """The manifest of *run*, in its order.

    Raises StateError where the run has none yet, or a damaged one.
    """
    text = read_fact(run, "manifest")
    if text is None:
        raise StateError(f"{run}: no manifest: not staged yet", f"gage-stage {run}")
    try:
        return parse_manifest(text)
    except StateError as error:
        path = run_meta_path(run, "manifest")
        raise StateError(f"{path}: {error.message}", f"gage-fsck {run}") from None


def sparse_algorithms(entries: Iterable[Entry]) -> dict[str, str]:
    """The algorithm of each file that is recorded as sparse, by its path.

    It is the same file when its holes were filled, and has the same digest by it alone.
    """
    named = {entry.path: algorithm_of(entry.digest) for entry in entries}
    return {path: algorithm for path, algorithm in named.items() if algorithm.startswith(SPARSE)}


def compare(entries: Sequence[Entry], digests: Mapping[str, str]) -> Changes:
    """How *digests*, the files by path as they are now, differ from *entries*."""
    known = {entry.path: entry.digest for entry in entries}
    return Changes(
        added=[path for path in digests if path not in known],
        modified=[path for path in known if path in digests and digests[path] != known[path]],
        deleted=[path for path in known if path not in digests],
    )


def escape_line(fields: str, path: str) -> str:
    """The line of *fields* and *path*, escaped as the lines of a manifest are."""
    escaped = _TO_ESCAPE.sub(lambda found: _ESCAPED[found[0]], path)
    return f"{fields}{path}" if escaped == path else f"\\{fields}{escaped}"


def unescape_line(line: str) -> str:
    """The inverse of escape_line: fields and path as one text. Raises StateError."""
    if not line.startswith("\\"):
        return line
    try:
        return _TO_UNESCAPE.sub(lambda found: _PLAIN[found[0]], line[1:])
    except KeyError:
        raise StateError(f"{line!r}: a backslash that escapes nothing") from None


def is_run_path(path: str) -> bool:
    """Whether *path* can only be a file within a run dir: relative, and in one spelling."""
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def is_digest(text: str) -> bool:
    """Whether *text* is a digest as a manifest holds it."""
    return _DIGEST.fullmatch(text) is not None
