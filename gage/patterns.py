r"""Patterns that select files, as those of .gitignore exclude them.

``*.py``, ``data/**``, ``/conf/*.yaml``, ``scratch/``; a leading ``-`` (or ``!``) excludes,
and the last pattern that matches wins. A name that begins with one of these is written with
a backslash before it. A directory stands for all that is in it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from gage.errors import ConfigError

_GLOB = re.compile(r"(?<!\\)[*?\[]")
_SPECIAL = re.compile(r"[\\*?\[]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_.*-]+")
"""The name of a file or a directory, with no more to it than ``*``: ``*.py``, ``Makefile``."""


class Pattern(NamedTuple):
    """One pattern: what it matches, and the components that it is made of.

    *anchored* patterns begin at the root, the others match at any level.
    """

    text: str
    excludes: bool
    anchored: bool
    parts: tuple[str, ...]
    matches: Callable[[str], bool]


def parse_patterns(lines: Iterable[str]) -> list[Pattern]:
    """The patterns of *lines*, in order. Raises ConfigError that names the one it cannot read."""
    return [_parsed(line) for line in lines]


def compile_patterns(lines: Iterable[str]) -> Callable[[str], bool]:
    """The question whether *lines* select a path. Raises ConfigError."""
    patterns = parse_patterns(lines)
    return lambda path: selects(patterns, path)


def selects(patterns: Sequence[Pattern], path: str) -> bool:
    """Whether *patterns* select the file *path*; a directory ends in ``/``."""
    last = last_match(patterns, path)
    return last is not None and not patterns[last].excludes


def last_match(patterns: Sequence[Pattern], path: str) -> int | None:
    """The index of the last pattern that matches *path*, the one that decides."""
    path = matchable(path)
    for index in range(len(patterns) - 1, -1, -1):
        if patterns[index].matches(path):
            return index
    return None


def may_select_in(patterns: Sequence[Pattern], folder: str) -> bool:
    """Whether *patterns* may select anything in the directory *folder* or beneath it."""
    last = last_match(patterns, folder + "/")
    later = patterns if last is None or not patterns[last].excludes else patterns[last + 1 :]
    return any(not pattern.excludes and _reaches(pattern, folder) for pattern in later)


def naming(patterns: Sequence[Pattern], folder: str) -> list[Pattern]:
    """The patterns that name the directory *folder* outright, and all that exclude.

    ``.github/**`` and ``.github`` name ``.github``; ``**`` and ``*.yml`` do not.
    """
    return [pattern for pattern in patterns if pattern.excludes or _names(pattern, folder)]


def is_literal(pattern: str) -> bool:
    """Whether *pattern* has no wildcard, so that it is the name of something."""
    return not _GLOB.search(pattern)


def literal(path: str) -> str:
    """The pattern that matches *path*, from the root, and nothing else."""
    escaped = _SPECIAL.sub(r"\\\g<0>", path)
    # White space at the end would be stripped.
    return f"/{escaped[:-1]}[{escaped[-1]}]" if escaped[-1].isspace() else f"/{escaped}"


def matchable(path: str) -> str:
    """*path* as pathspec can match it.

    To its regular expressions a newline is the end of a path. No name decodes to the
    surrogate that stands for it here: bytes kept as surrogates begin at 0x80.
    """
    return path.replace("\n", "\udc0a")


@contextmanager
def compiling() -> Iterator[None]:
    """Let pathspec compile patterns for a ``with`` block. Raises ValueError for what is none."""
    import warnings

    with warnings.catch_warnings():
        # ``[a--b]`` is as good in .gitignore as it will be, whatever re thinks of it.
        warnings.simplefilter("ignore")
        try:
            yield
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None


def _parsed(line: str) -> Pattern:
    excludes = line.startswith(("-", "!"))
    text = line[1:] if excludes else line
    if not text.strip():
        raise ConfigError(f"pattern {line!r}: matches nothing")
    body = text.rstrip().rstrip("/")
    return Pattern(
        text=line,
        excludes=excludes,
        anchored="/" in body,
        parts=tuple(body.strip("/").split("/")),
        matches=_matcher(line, text),
    )


def _matcher(line: str, text: str) -> Callable[[str], bool]:
    """The question whether *text*, the pattern of *line*, matches a path. Raises ConfigError."""
    if _NAME.fullmatch(text) and "**" not in text:
        # As pathspec does, which takes longer to import than a small project to stage.
        body = "[^/]*".join(map(re.escape, text.split("*")))
        name = re.compile(rf"(?:^|/){body}(?:/|\Z)")
        return lambda path: name.search(path) is not None
    from pathspec import PathSpec

    # A comment is for files of patterns; here each stands by itself.
    quoted = "\\" + text if text.startswith(("#", "!")) else text
    try:
        with compiling():
            (found,) = PathSpec.from_lines("gitignore", [matchable(quoted)]).patterns
    except ValueError:
        raise ConfigError(f"pattern {line!r}: not a pattern as in .gitignore") from None
    return lambda path: found.match_file(path) is not None


def _reaches(pattern: Pattern, folder: str) -> bool:
    if not pattern.anchored:
        return True
    for wanted, part in zip(pattern.parts, folder.split("/"), strict=False):
        if wanted == "**":
            return True
        if not _GLOB.search(wanted) and _ESCAPE.sub(r"\1", wanted) != part:
            return False
    return True


def _names(pattern: Pattern, folder: str) -> bool:
    parts = folder.split("/")
    if not pattern.anchored:
        return _is(pattern.parts[0], parts[-1])
    return len(pattern.parts) >= len(parts) and all(map(_is, pattern.parts, parts))


def _is(wanted: str, part: str) -> bool:
    return not _GLOB.search(wanted) and _ESCAPE.sub(r"\1", wanted) == part
