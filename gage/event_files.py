"""The event files of TensorBoard in a run dir, read by its own reader where that is installed.

Each holds scalars under tags. Where one tag is in the event files of several directories, the
directory goes before it.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple

from gage.dirs import Dirs, is_passing
from gage.reading import READ, open_beneath
from gage.run import Run
from gage.run_files import contents_of
from gage.searching import MOST_MATCHES

EVENT_LIMIT = 64 << 20
"""Bytes of all event files of a run that are read."""

HINT = "pip install 'gage[tensorboard]'"

_MARK = ".tfevents."


class Scalar(NamedTuple):
    """A value that was recorded; *time* in microseconds since the epoch."""

    step: int
    value: float
    time: int


class Scalars(NamedTuple):
    """The scalars by tag, how many of each were left out, and what could not be read."""

    by_tag: dict[str, list[Scalar]]
    before: dict[str, int]
    complaints: list[str]


def read_scalars(run: Run) -> Scalars:
    """All scalars in the event files of *run*. Raises OSError where the machine cannot read."""
    scalars = Scalars({}, {}, [])
    try:
        dirs = Dirs(run.run_dir)
    except OSError as error:
        if is_passing(error):
            raise
        return scalars
    with dirs:
        found = [file for file in contents_of(dirs).files if _MARK in os.path.basename(file.path)]
        paths = sorted(file.path for file in found if file.kind == "file")
        if paths and not _is_installed():
            scalars.complaints.append(f"{paths[0]}: no reader for TensorBoard event files: {HINT}")
            return scalars
        sizes = {file.path: file.size for file in found}
        tags: dict[tuple[str, str], deque[Scalar]] = {}
        counts: dict[tuple[str, str], int] = {}
        left = EVENT_LIMIT
        for path in paths:
            left -= sizes[path]
            if left < 0:
                trouble = f"more than {EVENT_LIMIT >> 20} MB of event files; not read"
                scalars.complaints.append(f"{path}: {trouble}")
                break
            folder = os.path.dirname(path)
            try:
                for tag, scalar in _scalars(dirs, path):
                    key = folder, tag
                    tags.setdefault(key, deque(maxlen=MOST_MATCHES)).append(scalar)
                    counts[key] = counts.get(key, 0) + 1
            except OSError as error:
                if is_passing(error):
                    raise
                scalars.complaints.append(f"{path}: cannot be read: {error.strerror}")
            except ImportError as error:
                scalars.complaints.append(f"{path}: its reader is not whole: {error}: {HINT}")
                break
            except (ValueError, MemoryError) as error:
                scalars.complaints.append(f"{path}: no event file: {error}")
    folders = Counter(tag for _, tag in tags)
    for (folder, tag), kept in tags.items():
        name = f"{folder}/{tag}" if folders[tag] > 1 and folder else tag
        scalars.by_tag[name] = list(kept)
        scalars.before[name] = counts[folder, tag] - len(kept)
    return scalars


def _is_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("tensorboard") is not None


def _scalars(dirs: Dirs, path: str) -> Iterator[tuple[str, Scalar]]:
    from google.protobuf.message import DecodeError
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    fd = open_beneath(dirs, path, READ)
    try:
        # By its descriptor: the name may be a link by now.
        for event in EventFileLoader(f"/proc/self/fd/{fd}").Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    number = float(tensor_util.make_ndarray(value.tensor).item())
                    time = int(event.wall_time * 1_000_000)
                    yield value.tag, Scalar(int(event.step), number, time)
    except (DecodeError, OverflowError, TypeError) as error:
        raise ValueError(str(error)) from None
    finally:
        os.close(fd)
