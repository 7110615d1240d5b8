"""The source code of an operation: which files of a project a run gets a copy of.

Without a rule it is the text that Git would not ignore, within limits, and what the limits
leave out is told. With patterns it is what they select. Either way what cannot be copied
for what it is (a FIFO, a socket, a device, a link that leads out of the project, a file
that cannot be read) is an error that names it, before anything is written.
"""

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

from gage.dirs import Dirs, file_type, is_gone, joined
from gage.errors import ConfigError, NotFoundError, StateError
from gage.ignored import Ignored
from gage.patterns import (
    is_literal,
    literal,
    matchable,
    may_select_in,
    naming,
    parse_patterns,
    selects,
)
from gage.project_links import inner_target
from gage.project_walk import walk_project

LARGEST = 1_000_000
"""Bytes of the largest file that the default rule takes."""

MOST = 1000
"""So many files the default rule takes, links among them."""

_HEAD = 8192
_FEW = 10

_BINARY = "binary"
_LARGE = "larger than 1 MB"
_MANY = "above 1,000 files"


class Source(NamedTuple):
    """A file to copy: its path in the project, and for a link what the copy is to hold.

    A link without *target* is resolved when it is copied.
    """

    path: str
    kind: Literal["file", "link"]
    target: str = ""


class LeftOut(NamedTuple):
    """What the default rule left out: where, why, and the pattern that takes it."""

    path: str
    reason: str
    pattern: str


class Selection(NamedTuple):
    """The files that a rule takes, in order, and what the default rule left out.

    *idle* are the patterns of the rule that select nothing, and plainly should.
    """

    sources: list[Source]
    left_out: list[LeftOut]
    idle: Sequence[str] = ()


def select_sourcecode(project: str, rule: Sequence[str] | None, *, runs_home: str) -> Selection:
    """The files of *project* that *rule* takes: patterns, or None for the default rule.

    *runs_home* is never entered. Raises StateError that names what cannot be copied,
    NotFoundError where there is no project, ConfigError for a pattern that is none.
    """
    if rule is None:
        return _select_by_default(project, runs_home)
    sources = select_files(project, rule, runs_home=runs_home)
    return Selection(sources, [], idle_patterns(rule, sources))


def select_files(project: str, patterns: Sequence[str], *, runs_home: str) -> list[Source]:
    """The files of *project* that *patterns* select. Raises as select_sourcecode does."""
    if not patterns:
        return []
    everywhere = parse_patterns(patterns)
    if all(pattern.excludes for pattern in everywhere):
        raise ConfigError(
            f"{' '.join(patterns)}: every pattern excludes, so nothing is left",
            "begin with one that selects, as `*`",
        )
    found = _Found(os.path.realpath(project), [], {})
    # In a directory that only some patterns open, only these select.
    within = {"": everywhere}
    with _opened(project, found.root) as dirs:
        for place, names in walk_project(dirs, runs_home, found.note):
            chosen = within.pop(place.path)
            if place.path and _is_apart(names):
                chosen = naming(chosen, place.path)
            for name in list(place.folders):
                path = joined(place.path, name)
                inner = naming(chosen, path) if name.startswith(".") else chosen
                if may_select_in(inner, path):
                    within[path] = inner
                else:
                    place.folders.remove(name)
            for entry in place.files:
                path = joined(place.path, entry.name)
                if not selects(chosen, path):
                    continue
                if entry.is_file(follow_symlinks=False) and not _is_readable(entry, place.fd):
                    found.troubles[path] = "cannot be read"
                else:
                    found.take(path, entry, place.fd)
    _refuse(project, found.troubles, "leave out what is not needed: `-PATTERN`")
    return found.sources


def _select_by_default(project: str, runs_home: str) -> Selection:
    found = _Found(os.path.realpath(project), [], {})
    ignored = Ignored(found.root)
    left_out: dict[str, list[str]] = {}
    with _opened(project, found.root) as dirs:
        for place, names in walk_project(dirs, runs_home, found.note):
            if ".nocopy" in names or (place.path and _is_apart(names)):
                if not place.path:
                    return Selection([], [LeftOut(".", "holds .nocopy", "*")])
                place.folders.clear()
                continue
            ignored.enter(place.path, place.fd, names)
            place.folders[:] = [
                name
                for name in place.folders
                if not name.startswith(".") and not ignored(joined(place.path, name) + "/")
            ]
            for entry in place.files:
                path = joined(place.path, entry.name)
                if ignored(path):
                    continue
                try:
                    why = _why_not(entry, place.fd, len(found.sources))
                except OSError as error:
                    found.note(path, error)
                    continue
                if why:
                    left_out.setdefault(why, []).append(path)
                else:
                    found.take(path, entry, place.fd)
    for path in ignored.among(list(found.troubles)):
        del found.troubles[path]
    _refuse(
        project,
        found.troubles,
        "ignore what is not needed in .gitignore, or name in `sourcecode` what is",
    )
    return Selection(found.sources, _summarised(left_out))


def idle_patterns(patterns: Sequence[str], sources: Sequence[Source]) -> list[str]:
    """Those of *patterns* that should have selected something, and none of *sources* is theirs.

    That is what names a file or a directory. A wildcard may well have nothing to match, but
    not each of them.
    """
    return [
        pattern.text
        for pattern in parse_patterns(patterns)
        if not pattern.excludes
        and (is_literal(pattern.text) or not sources)
        and not any(pattern.matches(matchable(source.path)) for source in sources)
    ]


class _Found(NamedTuple):
    """What a walk over the project at *root* took so far, and what it cannot take, and why."""

    root: str
    sources: list[Source]
    troubles: dict[str, str]

    def take(self, path: str, entry: "os.DirEntry[str]", fd: int) -> None:
        """Take a file for what it is; the trouble with any other is noted."""
        if entry.is_file(follow_symlinks=False):
            self.sources.append(Source(path, "file"))
            return
        try:
            if entry.is_symlink():
                self._take_link(path, os.readlink(entry.name, dir_fd=fd))
            else:
                mode = entry.stat(follow_symlinks=False).st_mode
                self.troubles[path] = f"{file_type(mode)} cannot be copied"
        except OSError as error:
            self.note(path, error)

    def note(self, path: str, error: OSError) -> None:
        """Note what cannot be read; what vanished meanwhile was never there."""
        if not is_gone(error) or not path:
            self.troubles[path or "."] = f"cannot be read: {error.strerror}"

    def _take_link(self, path: str, target: str) -> None:
        inner = inner_target(self.root, path, target)
        if inner is None:
            self.troubles[path] = f"a link that leads out of the project, to {target}"
        else:
            self.sources.append(Source(path, "link", inner))


def _opened(project: str, root: str) -> Dirs:
    try:
        return Dirs(root)
    except OSError as error:
        if is_gone(error):
            raise NotFoundError(f"{project}: no such directory") from None
        raise StateError(f"{project}: cannot be read: {error.strerror}") from None


def _is_apart(names: set[str]) -> bool:
    """Whether a directory with these names is a virtual environment, or not to be copied."""
    return not names.isdisjoint((".nocopy", "pyvenv.cfg", "conda-meta"))


def _is_readable(entry: "os.DirEntry[str]", fd: int) -> bool:
    return os.access(entry.name, os.R_OK, dir_fd=fd, effective_ids=True)


def _why_not(entry: "os.DirEntry[str]", fd: int, taken: int) -> str:
    """Why the default rule leaves out a file; empty where it does not. Raises OSError."""
    regular = entry.is_file(follow_symlinks=False)
    if taken >= MOST and (regular or entry.is_symlink()):
        return _MANY
    if not regular:
        return ""
    file = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
    try:
        head = os.read(file, _HEAD)
        if len(head) == _HEAD and os.fstat(file).st_size > LARGEST:
            return _LARGE
        return _BINARY if b"\0" in head else ""
    finally:
        os.close(file)


def _refuse(project: str, troubles: dict[str, str], hint: str) -> None:
    """Raise StateError that names the troubles, if there are any."""
    if not troubles:
        return
    named = [f"{os.path.join(project, path)}: {why}" for path, why in troubles.items()]
    more = len(named) - _FEW
    if more > 0:
        named[_FEW:] = [f"and {more} more, {len(troubles)} in all"]
    raise StateError("\n".join(named), hint)


def _summarised(left_out: dict[str, list[str]]) -> list[LeftOut]:
    """What to say: a line a file where they are few, else one for each directory at the top."""
    told = []
    for why, paths in left_out.items():
        if len(paths) <= _FEW:
            told += [LeftOut(path, why, literal(path)) for path in paths]
            continue
        tops: dict[str, int] = {}
        for path in paths:
            top = path.partition("/")[0] if "/" in path else ""
            tops[top] = tops.get(top, 0) + 1
        for top, count in tops.items():
            reason = f"{count:,} {'file' if count == 1 else 'files'} {why}"
            told.append(
                LeftOut(f"{top}/" if top else ".", reason, f"{literal(top)}/**" if top else "/*")
            )
    return told
