import os
import pty
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from gage.porcelain import phase
phase.BAR_AFTER = {after}
phase._BETWEEN = 0
with phase.phase({name!r}, {quiet}) as progress:
    progress(1 << 20, 4 << 20)
    progress(0, 0)
"""


def shown(*, name="copying", after=0, quiet=False, terminal=True, **env):
    """What a phase that is as told writes to standard error."""
    theirs = ours = None
    if terminal:
        ours, theirs = pty.openpty()
    argv = [sys.executable, "-c", SCRIPT.format(name=name, after=after, quiet=quiet)]
    environ = {**os.environ, "TERM": "xterm", **env}
    done = subprocess.run(argv, stderr=theirs or subprocess.PIPE, env=environ)
    if not terminal:
        return done.stderr
    os.close(theirs)
    data = b""
    try:
        while piece := os.read(ours, 4096):
            data += piece
    except OSError:
        pass  # Linux says so when nobody has the terminal open any more
    os.close(ours)
    return data


def test_a_phase_shows_its_name_and_a_bar_and_leaves_nothing():
    lines = shown().split(b"\r\x1b[K")
    assert lines == [
        b"",
        b"copying ...",
        b"copying [######------------------] 1 of 4 MiB",
        b"copying [------------------------] 0 of 0 MiB",
        b"",
    ]


def test_a_name_steers_nothing():
    line = b"\r\x1b[Kchecking \\x1b[2Jx\\n ...\r\x1b[K"
    assert shown(name="checking \x1b[2Jx\n", after=60) == line


def test_a_short_phase_has_no_bar():
    assert shown(after=60) == b"\r\x1b[Kcopying ...\r\x1b[K"


@pytest.mark.parametrize(
    "more", [{"terminal": False}, {"quiet": True}, {"NO_COLOR": "1"}, {"TERM": "dumb"}]
)
def test_where_nobody_wants_it_nothing_is_shown(more):
    assert shown(**more) == b""
