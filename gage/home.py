"""The runs home: the directory that runs are in, and how a command finds it."""

import errno
import os
from collections.abc import Mapping

from gage.acting import expect_our_home
from gage.errors import ConfigError, NotFoundError, SystemRefusedError
from gage.run import make_home

DEFAULT = ".gage/runs"


def find_home(runs: str | None, cwd: str, environ: Mapping[str, str]) -> str:
    """The runs home of a command that works in *cwd*; it need not be there yet.

    *runs* is what ``--runs`` says, else ``GAGE_RUNS`` of *environ* does, else ``$runs-dir``
    of the gage file found from *cwd* upwards; else it is ``.gage/runs`` beside that file,
    or in *cwd*. Raises ConfigError for a gage file that makes no sense and may set
    ``$runs-dir``, or is not trusted; NotFoundError where *cwd* is no directory.
    """
    if not os.path.isdir(cwd):
        raise NotFoundError(f"{cwd}: no such directory")
    named = runs or environ.get("GAGE_RUNS")
    if named:
        return _within(cwd, named)
    # A gage file costs more to read than a plumbing query may cost.
    from gage.gage_file import find_gage_file, load_gage_file, mentions

    path = find_gage_file(cwd)
    if path is None:
        return _within(cwd, DEFAULT)
    try:
        gage_file = load_gage_file(path)
    except ConfigError:
        # Who is about to mend it may well look at runs meanwhile.
        if mentions(path, "runs-dir"):
            raise
        return _within(os.path.dirname(path), DEFAULT)
    return _within(gage_file.project, str(gage_file.settings.get("runs-dir") or DEFAULT))


def make_project_home(path: str) -> None:
    """Make the runs home *path* where it is missing, ignored by Git.

    Raises SystemRefusedError that names it where nothing can be written there.
    """
    try:
        make_home(path)
        expect_our_home(path)
        _ignore(path)
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            # access(2) would tell why, and Python keeps it.
            is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
            code = errno.EROFS if is_read_only else errno.EACCES
            raise OSError(code, os.strerror(code))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise SystemRefusedError(
            f"{path}: no run can be kept here: {error.strerror}", "--runs DIR keeps them elsewhere"
        ) from None


def _ignore(path: str) -> None:
    try:
        fd = os.open(os.path.join(path, ".gitignore"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o664)
    except FileExistsError:
        return
    with open(fd, "wb") as file:
        file.write(b"*\n")


def _within(directory: str, path: str) -> str:
    path = path.rstrip("/") or "/"
    return path if directory in ("", ".") else os.path.join(directory, path)
