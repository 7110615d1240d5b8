"""The trash: runs that were deleted and can be restored, in RUNS/.trash.

Each deletion has a directory of its own there, ``STAMP-RANDOM``, which holds the run as its
runs home held it: run dir, meta dir and user dir under their own names. So names never
collide, and what lists a runs home lists the trash.

A run goes by its meta dir, first when it is deleted and last when it is restored: a run dir
without one is no run. While a deletion, a restoration or a purge is under way, the name of
its directory says so (``STAMP-RANDOM.delete``), and whoever comes next finishes it.
"""

import errno
import os
import re
from contextlib import ExitStack, suppress

from gage import clock, index, locks
from gage.acting import expect_our_home, expect_ours, is_our_home
from gage.building import building, unheld
from gage.durable import Sync, sync_dir
from gage.errors import LockedError, NotFoundError, StateError, SystemRefusedError
from gage.headroom import give_headroom
from gage.listing import read_rows
from gage.process_tree import check_no_survivors
from gage.removing import remove_tree
from gage.row import Row
from gage.run import (
    RUN_ID,
    TRASH,
    Run,
    are_locks_ours,
    lock_path,
    make_closed,
    remove_beside_locks,
    run_names,
    tmp_dir,
)

_PLACE = re.compile(r"\d{16,18}-[0-9a-f]{8}(?:\.(?P<work>delete|restore|purge))?")
ABANDONED = 3_600_000_000
"""After so many microseconds a deletion that never began to move anything is over."""


def delete_run(run: Run, now: clock.Clock = clock.now) -> Run:
    """Move *run* to the trash; where it is then.

    Raises LockedError where it is at work, NotFoundError where it is gone.
    """
    with locks.holding(run, finishing=True):
        check_no_survivors(run)
        trash = os.path.join(run.home, TRASH)
        place = os.path.join(trash, f"{now():016d}-{os.urandom(4).hex()}")
        with ExitStack() as held:
            try:
                _begin(place + ".delete", held)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                _make_room(run)
                _begin(place + ".delete", held)
            if not _move(run.meta_dir, place + ".delete"):
                os.rmdir(place + ".delete")
                raise NotFoundError(f"{run}: no run here")
        _sync(run.sync, place + ".delete", trash, run.home)
        _finish_delete(run.home, place + ".delete", run)
    return run._replace(run_dir=os.path.join(place, run.name))


def restore_run(run: Run) -> Run:
    """Move *run*, which is in the trash, back to where it was; where it is then.

    Raises StateError where another run has its name by now, NotFoundError where it is gone.
    """
    back = run._replace(run_dir=os.path.join(_home(run), run.name))
    expect_our_home(back.home)
    expect_ours(run)
    _expect_free(back)  # what is there may be no run, which could not be held
    with locks.holding(back):
        _expect_free(back)
        _claim(run, "restore")
        _finish_restore(run.home + ".restore", back)
    return back


def purge_run(run: Run) -> None:
    """Remove *run*, which is in the trash, for good. Raises NotFoundError where it is gone."""
    expect_our_home(_home(run))
    expect_ours(run)
    _claim(run, "purge")
    _sync(run.sync, os.path.dirname(run.home))
    _finish_purge(run.home + ".purge", run._replace(run_dir=os.path.join(_home(run), run.name)))


def discard_run(run: Run) -> None:
    """Remove *run*, which nobody misses, for good. Raises LockedError, NotFoundError."""
    try:
        purge_run(delete_run(run))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # The disk is too full for a place in the trash, and this needs none.
        with ExitStack() as stack:
            with suppress(OSError):  # without room for the file of the lock nobody holds it
                stack.enter_context(locks.holding(run, finishing=True))
            for path in (run.meta_dir, run.run_dir, run.user_dir):
                gone = os.path.join(tmp_dir(run), os.urandom(12).hex())
                with suppress(FileNotFoundError):
                    os.rename(path, gone)
                    remove_tree(gone)
        _remove_locks(run)


def trash_rows(home: str) -> list[Row]:
    """A row for every run in the trash of *home*, the newest start first."""
    sweep(home)
    rows = [row for place, work in _places(home) if not work for row in read_rows(place)]
    rows.sort(reverse=True)
    return rows


def sweep(home: str, now: clock.Clock = clock.now) -> OSError | None:
    """Finish what was interrupted in the trash of *home*, but for runs that are at work.

    Who only lists the trash of another user leaves it as it is. Returns the first trouble: what
    cannot be finished is in nobody's way.
    """
    if not is_our_home(home):
        return None
    trouble: OSError | None = None
    for place, work in _places(home):
        if not work:
            continue
        names = run_names(place)
        run = Run(os.path.join(home, names[0]), "", None) if names else None
        try:
            if work == "purge":
                _finish_purge(place, run)
            elif run is None:
                with unheld(place) as free:
                    if free and _is_over(place, work, now):
                        os.rmdir(place)
            else:
                with locks.holding(run):
                    if work == "delete":
                        _finish_delete(home, place, run)
                    else:
                        _finish_restore(place, run)
        except (LockedError, StateError):
            continue  # another process is about it, or what took its name is not ours
        except OSError as error:
            # By these somebody else has been there.
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                trouble = trouble or error
    return trouble


def _begin(place: str, held: ExitStack) -> None:
    make_closed(os.path.dirname(place))
    held.enter_context(building(place, 0o700))


def _make_room(run: Run) -> None:
    """Remove what can be made anew, so that a full disk has room for a directory or two.

    Whoever calls holds the run.
    """
    give_headroom(run)
    for name in ("identity", "tree"):
        with suppress(OSError):
            remove_beside_locks(run, name)
    with suppress(OSError):
        os.unlink(os.path.join(run.home, index.NAME))


def interrupted(home: str, now: clock.Clock = clock.now) -> list[str]:
    """The directories in the trash of *home* in which something was begun and not finished.

    Raises OSError where a lock may not be asked.
    """
    found = []
    for place, work in _places(home):
        names = run_names(place) if work else []
        if names and work != "purge":
            at_work = locks.is_held(Run(os.path.join(home, names[0]), "", None), "runner")
        else:
            with unheld(place) as free:
                at_work = work != "purge" and not (free and _is_over(place, work, now))
        if work and not at_work:
            found.append(place)
    return found


def runs_in_trash(home: str) -> list[Run]:
    """The runs in the trash of *home*, the last that was deleted first; nothing is finished."""
    places = [place for place, work in _places(home) if not work]
    return [
        Run(os.path.join(place, name), "", None)
        for place in reversed(places)
        for name in run_names(place)
    ]


def names_in_trash(home: str) -> set[str]:
    """The names of the runs that are in the trash of *home*, or on their way."""
    return {name for place, _ in _places(home) for name in run_names(place)}


def _is_over(place: str, work: str, now: clock.Clock) -> bool:
    """Whether an empty *place* is of no use any more."""
    # A deletion that has just begun is empty too; nobody takes this long to begin.
    return work == "restore" or now() - int(os.path.basename(place)[:16]) > ABANDONED


def _finish_delete(home: str, place: str, run: Run) -> None:
    # A run that was made under this name since the deletion keeps what is its own.
    if not os.path.lexists(run.meta_dir):
        _move(run.run_dir, place)
        _move(run.user_dir, place)
        _sync(run.sync, place, home)
    os.rename(place, place.removesuffix(".delete"))
    _sync(run.sync, os.path.dirname(place))


def _finish_restore(place: str, run: Run) -> None:
    parts = [part for part in (".user", "", ".meta") if os.path.lexists(_part(place, run, part))]
    if any(os.path.lexists(_part(run.home, run, part)) for part in parts):
        # Somebody has the name meanwhile: a run is not put together from two.
        os.rename(place, place.removesuffix(".restore"))
        return
    for part in parts:
        _move(_part(place, run, part), run.home)
    _sync(run.sync, run.home)
    for name in (".locks", ".tmp"):
        # Whoever acted on the run while it was here left them.
        if os.path.lexists(os.path.join(place, name)):
            remove_tree(os.path.join(place, name))
    try:
        os.rmdir(place)
    except FileNotFoundError:
        return  # swept by another process
    _sync(run.sync, os.path.dirname(place))


def _part(folder: str, run: Run, part: str) -> str:
    return os.path.join(folder, run.name + part)


def _finish_purge(place: str, run: Run | None) -> None:
    if run:
        _remove_locks(run, place)
    remove_tree(place)


def _remove_locks(run: Run, place: str = "") -> None:
    """Remove the locks of *run*, which goes from *place*, unless another uses them.

    One of the same name may be there: made since, or, of the same ID, imported or copied.
    """
    directory = os.path.dirname(lock_path(run, "runner"))
    if not RUN_ID.fullmatch(run.name) or not are_locks_ours(run) or not os.path.isdir(directory):
        return
    with suppress(LockedError, StateError, SystemRefusedError), locks.holding(run):
        others = [at for at, _ in _places(run.home) if at != place and run.name in run_names(at)]
        if not others and not os.path.lexists(run.meta_dir):
            remove_tree(directory)


def _move(path: str, to: str) -> bool:
    target = os.path.join(to, os.path.basename(path))
    if os.path.lexists(target):
        return False
    try:
        os.rename(path, target)
    except FileNotFoundError:
        return False
    return True


def _claim(run: Run, work: str) -> None:
    try:
        os.rename(run.home, f"{run.home}.{work}")
    except FileNotFoundError:
        raise NotFoundError(f"{run}: no longer in the trash") from None


def _expect_free(run: Run) -> None:
    for path in (run.meta_dir, run.run_dir, run.user_dir):
        if os.path.lexists(path):
            raise StateError(f"{path}: is in the way", "rename or delete it first")


def _home(run: Run) -> str:
    """The runs home that *run* was deleted from: RUNS of RUNS/.trash/PLACE/NAME."""
    trash, place = os.path.split(run.home)
    if os.path.basename(trash) != TRASH or not _PLACE.fullmatch(place):
        raise StateError(f"{run}: is not in the trash", "delete it first")
    return os.path.dirname(trash) or "."


def _places(home: str) -> list[tuple[str, str]]:
    trash = os.path.join(home, TRASH)
    if os.path.islink(trash):
        return []  # what lies there is none of ours
    try:
        names = sorted(os.listdir(trash))
    except FileNotFoundError:
        return []
    matches = [m for name in names if (m := _PLACE.fullmatch(name))]
    return [(os.path.join(trash, m[0]), m["work"] or "") for m in matches]


def _sync(policy: Sync, *directories: str) -> None:
    for directory in directories:
        sync_dir(directory, policy)
