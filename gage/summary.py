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

from gage.dirs import Dirs, is_passing
from gage.manifest import is_run_path
from gage.opdef import OpDef, metric_patterns, summary_file
from gage.output import RUN, read_tail
from gage.reading import READ, open_beneath
from gage.run import Run, run_meta_path
from gage.scalar import Scalar
from gage.searching import last_matches

FILE_LIMIT = 1 << 20
OUTPUT_LIMIT = 16 << 20
"""Bytes from the end of the output that patterns and markers are looked for in."""


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
    output = read_tail(run_meta_path(run, "output", RUN), OUTPUT_LIMIT)[1]
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
    for name, (matches, _, trouble) in last_matches(patterns, output).items():
        if trouble:
            summary.complaints.append(f"metrics: {name}: {trouble}")
        for match in matches:
            try:
                summary.metrics[name] = number_of(match.value)
            except ValueError:
                trouble = f"matched {match.value[:60]!r}, which is no number"
                summary.complaints.append(f"metrics: {name}: {trouble}")


def number_of(text: str) -> int | float:
    """The number that a match is. Raises ValueError."""
    value = float(text)
    return int(text) if text.strip().lstrip("+-").isdecimal() else value
