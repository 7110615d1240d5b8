"""Acting on a run: whether it is one that this gage, and whoever calls it, may change.

Every verb asks before it changes anything, at the latest when it takes a lock; who only
reads need not.
"""

import os

from gage.errors import StateError
from gage.run import Run, expect_known_schema, has_fact
from gage.trust import find_stranger

_FIRST = ("__schema__", "id", "opref", "opdef.json", "initialized")


def expect_ours(run: Run) -> None:
    """Raise StateError unless *run* may be acted upon.

    It is of a newer gage, or no run at all, or belongs to another user, who may have made it
    for us to act upon. A run that is not there is none of these.
    """
    expect_our_home(run.home)
    if whose := _stranger(run.home, run.run_dir, run.meta_dir, run.user_dir):
        raise _refused(str(run), whose)
    if not os.path.isdir(run.meta_dir):
        return
    expect_known_schema(run)
    if not any(has_fact(run, name) for name in _FIRST):
        raise StateError(f"{run}: no run of gage: {run.name}.meta has none of its facts")


def expect_our_home(home: str) -> None:
    """Raise StateError where the runs home belongs to another user, who is not trusted."""
    if whose := _stranger(home):
        raise _refused(home, whose)


def is_our_home(home: str) -> bool:
    """Whether we may change the runs home."""
    return not _stranger(home)


def _stranger(home: str, *paths: str) -> str | None:
    return find_stranger((home, *paths), home, os.environ)


def _refused(what: str, whose: str) -> StateError:
    return StateError(
        f"{what}: belongs to {whose}, and is read but not changed",
        "gage --trust, or GAGE_TRUST=1, does so once",
    )
