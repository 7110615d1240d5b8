r"""The summary of a run: metrics are numbers, attributes any scalar that says something.

It is gathered, the later over the earlier, from

* patterns over the output: the last match of each is a metric,
* a JSON object on the output between the lines ``--- summary ---`` and ``---``,
* a JSON file that the run left, ``summary.json`` unless the operation names another.

An object may be flat (``{"loss": 0.2, "note": "ok"}``) or have the keys ``metrics`` and
``attributes``, each an object. What cannot be read is said and does no harm.
"""

import errno
import os
import stat
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from gage import process_tree
from gage.dirs import Dirs, is_passing
from gage.durable import write_all
from gage.manifest import is_run_path
from gage.opdef import OpDef, metric_patterns, summary_file
from gage.reading import READ, open_beneath
from gage.run import Run, run_meta_path
from gage.scalar import Scalar

FILE_LIMIT = 1 << 20
OUTPUT_LIMIT = 16 << 20
"""Bytes from the end of the output that patterns and markers are looked for in."""

PATTERN_SECONDS = 2
"""CPU time for all patterns: one like ``(a+)+$`` would run until the sun goes out."""

PATTERN_MEMORY = 512 << 20
"""Bytes that all patterns may take beside what we have: every repetition is remembered."""

LONGEST_MATCH = 1000
"""Characters; no number is longer."""


class Summary(NamedTuple):
    """What was found, and what of it made no sense, a line each."""

    metrics: dict[str, int | float]
    attributes: dict[str, Scalar]
    complaints: list[str]


def read_summary(run: Run, opdef: OpDef, went_in: Container[str] = ()) -> Summary:
    """Gather the summary of *run* from its output and its files.

    *went_in* are the paths of files that the command left as it found them: a summary among
    them is that of another run. Raises OSError where the machine cannot read it now.
    """
    summary = Summary({}, {}, [])
    output = _tail(run_meta_path(run, "output", "40_run"))
    if patterns := metric_patterns(opdef):
        _add_matches(summary, patterns, output)
    block = _marked_block(output)
    if block is not None and len(block) > FILE_LIMIT:
        what = "the summary on the output"
        summary.complaints.append(f"{what}: larger than {FILE_LIMIT} bytes; not read")
    elif block is not None:
        _add_json(summary, block, "the summary on the output")
    name = summary_file(opdef)
    path = os.path.normpath(name)
    if path in went_in:
        return summary
    if not is_run_path(path):
        summary.complaints.append(f"{name}: not a path within the run dir")
        return summary
    try:
        _add_file(summary, run.run_dir, path, name)
    except FileNotFoundError:
        pass
    except OSError as error:
        if is_passing(error):
            raise
        linked = error.errno == errno.ELOOP
        trouble = "a link is not followed" if linked else error.strerror
        summary.complaints.append(f"{name}: {trouble}")
    return summary


def _tail(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - OUTPUT_LIMIT))
            # Not more than there is: memory for all of the limit may not be had.
            return file.read(min(size, OUTPUT_LIMIT))
    except FileNotFoundError:
        return b""


def _marked_block(output: bytes) -> bytes | None:
    start = (b"\n" + output).rfind(b"\n--- summary ---\n")
    if start < 0:
        return None
    text = output[start + len(b"--- summary ---\n") :]
    end = (b"\n" + text).find(b"\n---\n")
    return text[:end] if end >= 0 else text.removesuffix(b"\n---")


def _add_file(summary: Summary, run_dir: str, path: str, name: str) -> None:
    # A FIFO must not block us, and a link may lead out of the run.
    with Dirs(run_dir) as dirs:
        fd = open_beneath(dirs, path, READ)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            summary.complaints.append(f"{name}: not a file")
            return
        data = os.pread(fd, FILE_LIMIT + 1, 0)
    finally:
        os.close(fd)
    if len(data) > FILE_LIMIT:
        summary.complaints.append(f"{name}: larger than {FILE_LIMIT} bytes; not read")
    else:
        _add_json(summary, data, name)


def _add_json(summary: Summary, data: bytes, source: str) -> None:
    import json

    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        summary.complaints.append(f"{source}: no JSON: {error}")
        return
    if not isinstance(value, dict):
        summary.complaints.append(f"{source}: expected a JSON object")
        return
    nested = {"metrics", "attributes"} & {k for k, v in value.items() if isinstance(v, dict)}
    for part in nested:
        _add_values(summary, value.pop(part), source, part)
    _add_values(summary, value, source, "")


def _add_values(summary: Summary, values: dict[str, Any], source: str, part: str) -> None:
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and part != "attributes":
            summary.metrics[name] = value
        elif part == "metrics":
            summary.complaints.append(f"{source}: {name}: a metric is a number")
        elif value is None or isinstance(value, str | bool) or number:
            summary.attributes[name] = value
        else:
            summary.complaints.append(f"{source}: {name}: a number or a text, no structure")


def _add_matches(summary: Summary, patterns: Mapping[str, str], output: bytes) -> None:
    found = _search_apart(patterns, output)
    for name in patterns:
        if name not in found:
            trouble = f"{name}: took more than {PATTERN_SECONDS} s and was given up"
            summary.complaints.append(f"metrics: {trouble}")
            return  # those after it were not sought
        match, trouble = found[name]
        if trouble:
            summary.complaints.append(f"metrics: {name}: {trouble}")
        elif match is not None:
            try:
                summary.metrics[name] = _number(match)
            except ValueError:
                trouble = f"matched {match[:60]!r}, which is no number"
                summary.complaints.append(f"metrics: {name}: {trouble}")


def _number(text: str) -> int | float:
    value = float(text)
    return int(text) if text.strip().lstrip("+-").isdecimal() else value


def _search_apart(patterns: Mapping[str, str], output: bytes) -> dict[str, tuple[str | None, str]]:
    """The last match of each pattern, or what is wrong with it, as far as time allows.

    They are sought in a process that the kernel stops in time: the module re cannot be
    interrupted, and nobody can tell a hostile pattern by its looks.
    """
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
                _search(patterns, output, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        *lines, _ = pipe.read().split(b"\n")
    os.waitpid(child, 0)
    return {name: (match, trouble) for name, match, trouble in map(json.loads, lines)}


def _search(patterns: Mapping[str, str], output: bytes, to: int) -> None:
    """Write an array of name, match and trouble for each pattern, a line each."""
    import json
    import re
    import resource
    from collections import deque

    resource.setrlimit(resource.RLIMIT_CPU, (PATTERN_SECONDS, PATTERN_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", encoding="ascii") as file:
        ours = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (ours + PATTERN_MEMORY, ours + PATTERN_MEMORY))
    text = output.decode("utf-8", "replace")
    for name, pattern in patterns.items():
        found, trouble = None, ""
        try:
            for match in deque(re.finditer(pattern, text, re.MULTILINE), maxlen=1):
                found = match.group(1 if match.re.groups else 0) or ""
            if found and len(found) > LONGEST_MATCH:
                found = found[:LONGEST_MATCH] + "..."  # no number, and so none that is wrong
        except MemoryError:
            trouble = f"took more than {PATTERN_MEMORY >> 20} MB and was given up"
        except (re.error, RecursionError, OverflowError) as error:
            trouble = f"no regular expression: {error}"
        write_all(to, json.dumps([name, found, trouble]).encode() + b"\n")
