"""What people say about a run: its label, tags and comments, in ``NAME.user``.

Each saying is a file of its own, written once and never again, so that it can be read with
``cat`` and two people never write over each other. Its name is ``VERB-STAMP-RANDOM``: what
is said (``label``, ``tag``, ``untag``, ``comment``), when, in microseconds since the epoch,
and eight hex digits. The newest label holds, and the newest word about a tag.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from gage import clock
from gage.acting import expect_ours
from gage.durable import put
from gage.errors import NotFoundError, UsageError
from gage.run import Run, expect_no_link, read_whole, tmp_dir

_SAYING = re.compile(r"(label|tag|untag|comment)-(\d{1,18})-[0-9a-f]{8}")


class Comment(NamedTuple):
    """A comment, and when it was made: *stamp* is in microseconds since the epoch."""

    stamp: int
    text: str


class Said(NamedTuple):
    """What holds now: an empty label is none; tags and comments in the order of their time."""

    label: str = ""
    tags: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()


def read_said(home: str, name: str) -> Said:
    """What was said about the run *name* in *home*; what cannot be read was not said."""
    label = ""
    tags: dict[str, None] = {}
    comments: list[Comment] = []
    user_dir = os.path.join(home, name + ".user")
    for stamp, verb, file in sorted(_sayings(user_dir)):
        text = _read(os.path.join(user_dir, file))
        if text is None:
            continue
        if verb == "label":
            label = text
        elif verb == "tag":
            tags.setdefault(text)
        elif verb == "untag":
            tags.pop(text, None)
        else:
            comments.append(Comment(stamp, text))
    return Said(label, tuple(tags), tuple(comments))


def check_sayings(label: str, tags: Iterable[str]) -> None:
    """Raise UsageError for a label or a tag that cannot be one."""
    _one_line("a label", label)
    for tag in tags:
        _tag(tag)


def set_label(run: Run, label: str, now: clock.Clock = clock.now) -> None:
    """Label *run*; an empty *label* takes the label away. Raises UsageError."""
    _say(run, "label", _one_line("a label", label), now)


def add_tags(run: Run, tags: Iterable[str], now: clock.Clock = clock.now) -> None:
    """Tag *run* with those of *tags* that it has not. Raises UsageError."""
    has = read_said(run.home, run.name).tags
    for tag in dict.fromkeys(_tag(tag) for tag in tags):
        if tag not in has:
            _say(run, "tag", tag, now)


def remove_tags(run: Run, tags: Iterable[str], now: clock.Clock = clock.now) -> None:
    """Take away those of *tags* that *run* has."""
    has = read_said(run.home, run.name).tags
    for tag in dict.fromkeys(tags):
        if tag in has:
            _say(run, "untag", tag, now)


def add_comment(run: Run, text: str, now: clock.Clock = clock.now) -> None:
    """Add a comment, of any number of lines. Raises UsageError for an empty one."""
    if not text.strip():
        raise UsageError(f"{run}: a comment cannot be empty")
    _say(run, "comment", text.rstrip("\n"), now)


def _say(run: Run, verb: str, text: str, now: clock.Clock) -> None:
    expect_ours(run)
    user_dir = run.user_dir
    with contextlib.suppress(FileExistsError):
        os.mkdir(user_dir, 0o775)
    expect_no_link(user_dir)
    # The newest wins, also where the clock was set back since the one before.
    stamp = max([now(), *(before + 1 for before, _, _ in _sayings(user_dir))])
    file = f"{verb}-{stamp:016d}-{os.urandom(4).hex()}"
    data = (text + "\n").encode("utf-8", "surrogateescape")
    try:
        put(tmp_dir(run), os.path.join(user_dir, file), data, sync=run.sync)
    except FileNotFoundError:
        raise _deleted(run) from None
    if not os.path.isdir(run.meta_dir):
        # It was deleted before we came: what we made would be in the way of restoring it.
        with suppress(OSError):
            os.unlink(os.path.join(user_dir, file))
            os.rmdir(user_dir)
        raise _deleted(run)


def _deleted(run: Run) -> NotFoundError:
    return NotFoundError(f"{run}: no run here any more", "gage runs --deleted")


def _sayings(user_dir: str) -> list[tuple[int, str, str]]:
    try:
        names = os.listdir(user_dir)
    except OSError:
        return []
    matches = [m for name in names if (m := _SAYING.fullmatch(name))]
    return [(int(m[2]), m[1], m[0]) for m in matches]


def _read(path: str) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        return read_whole(fd).decode("utf-8", "surrogateescape").removesuffix("\n")
    except OSError:
        return None


def _tag(tag: str) -> str:
    if not tag or any(c.isspace() or c == "," for c in tag):
        raise UsageError(f"{tag!r}: a tag is one word, without commas")
    return _one_line("a tag", tag)


def _one_line(what: str, text: str) -> str:
    if "\n" in text or "\0" in text:
        raise UsageError(f"{text!r}: {what} is one line")
    return text
