r"""Searching output for the patterns of metrics, in a process that the kernel stops in time.

The module re cannot be interrupted, and nobody can tell a hostile pattern by its looks: one
like ``(a+)+$`` would run until the sun goes out. The value of a match is its first group, not
counting one that is called ``step``, or all of it where there is none.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gage import process_tree
from gage.durable import write_all
from gage.signals import told_of_children

PATTERN_SECONDS = 2
"""CPU time for all patterns."""

PATTERN_MEMORY = 512 << 20
"""Bytes that all patterns may take beside what we have: every repetition is remembered."""

LONGEST_MATCH = 1000
"""Characters; no number is longer."""

MOST_MATCHES = 100_000
"""So many matches of a pattern are told, from the last."""

_NEAR = 200
"""Characters around a match that its step is looked for in, where the line is longer."""

_AT_ONCE = 1000

_STEP = re.compile(
    # Behind the end of a progress bar there is no space.
    r"(?i)(?<![a-z_])(?:global[_ ])?(?:(step)|epoch|iter(?:ation)?)s?\b"
    r"[\"']?\s?[:=]?\s?(\d{1,15})\b"
)


class Match(NamedTuple):
    """A match: its *value*, the *step* that its line tells, and *end*, the byte behind it."""

    value: str
    step: int | None
    end: int


class Matches(NamedTuple):
    """The matches of a pattern, in order, how many were before these, and what is wrong."""

    matches: list[Match]
    before: int = 0
    trouble: str = ""


def last_matches(patterns: Mapping[str, str], output: bytes) -> dict[str, Matches]:
    """The last match of each pattern, if it has one.

    One that took too much is told as trouble; those after it were not sought, and are not there.
    """
    return _search_apart(patterns, output, 1)


def all_matches(patterns: Mapping[str, str], output: bytes) -> dict[str, Matches]:
    """All matches of each pattern, but no more than MOST_MATCHES; else as ``last_matches``."""
    return _search_apart(patterns, output, MOST_MATCHES)


@told_of_children()
def _search_apart(patterns: Mapping[str, str], output: bytes, most: int) -> dict[str, Matches]:
    import json

    process_tree.load()
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            process_tree.die_with_parent()
            if os.getppid() == parent:
                os.close(reading)
                _search(patterns, output, most, writing)
        finally:
            os._exit(0)
    os.close(writing)
    found: dict[str, Matches] = {}
    pending: list[Match] = []
    with open(reading, "rb") as pipe:
        for line in pipe:
            if not line.endswith(b"\n"):
                break  # it was stopped here
            # An array of matches or, when all of a pattern are told, an object about it.
            value = json.loads(line)
            if isinstance(value, list):
                pending += map(Match._make, value)
            else:
                found[value["name"]] = Matches(pending, value["before"], value["trouble"])
                pending = []
    os.waitpid(child, 0)
    for name in patterns:
        if name not in found:
            trouble = f"took more than {PATTERN_SECONDS} s and was given up"
            found[name] = Matches([], 0, trouble)
            break
    return found


def _search(patterns: Mapping[str, str], output: bytes, most: int, to: int) -> None:
    import json
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (PATTERN_SECONDS, PATTERN_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", encoding="ascii") as file:
        ours = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (ours + PATTERN_MEMORY, ours + PATTERN_MEMORY))
    # So that every byte can be counted again.
    text = output.decode("utf-8", "surrogateescape")

    def tell(value: object) -> None:
        write_all(to, json.dumps(value).encode() + b"\n")

    for name, pattern in patterns.items():
        about = {"name": name, "before": 0, "trouble": ""}
        try:
            about["before"] = _tell_matches(pattern, text, most, tell)
        except MemoryError:
            about["trouble"] = f"took more than {PATTERN_MEMORY >> 20} MB and was given up"
        except (re.error, RecursionError, OverflowError) as error:
            about["trouble"] = f"no regular expression: {error}"
        tell(about)


def _tell_matches(pattern: str, text: str, most: int, tell: Callable[[object], None]) -> int:
    """Tell the last *most* matches, and return how many there were before them."""
    from collections import deque

    compiled = re.compile(pattern, re.MULTILINE)
    group = _value_group(compiled)
    steps = "step" in compiled.groupindex
    kept: deque[tuple[int, int, str, str | None]] = deque(maxlen=most)
    count = 0
    for match in compiled.finditer(text):
        count += 1
        value = match.group(group) or ""
        if len(value) > LONGEST_MATCH:
            value = value[:LONGEST_MATCH] + "..."  # no number, and so none that is wrong
        step = (match.group("step") or "")[:LONGEST_MATCH] if steps else None
        kept.append((match.start(), match.end(), value, step))
    for piece in _pieces(_located(text, kept)):
        tell(piece)
    return count - len(kept)


def _value_group(compiled: "re.Pattern[str]") -> int:
    own = compiled.groupindex.get("step")
    return next((n for n in range(1, compiled.groups + 1) if n != own), 0)


def _located(
    text: str, kept: Iterable[tuple[int, int, str, str | None]]
) -> Iterator[tuple[str, int | None, int]]:
    """Each match with its step, and the number of bytes up to its end."""
    at = length = 0
    line, step_of_line = (-1, -1), None
    for start, end, value, step in kept:
        length += len(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
        if step is not None:
            yield value, _as_step(step), length
            continue
        first = text.rfind("\n", max(0, start - _NEAR), start) + 1 or max(0, start - _NEAR)
        last = text.find("\n", end, end + _NEAR)
        last = end + _NEAR if last < 0 else last
        if (first, last) != line:
            line, step_of_line = (first, last), _step_of(text[first:last])
        yield value, step_of_line, length


def _step_of(line: str) -> int | None:
    """The step that a line tells of itself; an epoch where it tells no step."""
    found = _STEP.findall(line)
    best = [number for step, number in found if step] or [number for _, number in found]
    return int(best[0]) if best else None


def _as_step(text: str) -> int | None:
    try:
        return int(float(text)) if abs(float(text)) < 1e15 else None
    except ValueError:
        return None


def _pieces(matches: Iterable[Any]) -> Iterator[list[Any]]:
    piece = []
    for match in matches:
        piece.append(match)
        if len(piece) == _AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece
