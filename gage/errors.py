"""The ways gage says no: one class for each exit status a script would tell apart."""

import errno
import os
from contextlib import suppress


class GageError(Exception):
    """A trouble that a user can cause, and mend.

    *message* names the thing and then the trouble (``runs/one: already staged``); *hint*
    is what to try, as a command or a sentence, or empty.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GageError):
    """The command line does not make sense."""

    exit_code = 2


class NotFoundError(GageError):
    """What was named is not there, or is no run."""

    exit_code = 10


class LockedError(GageError):
    """Another process holds the run."""

    exit_code = 11


class SystemRefusedError(GageError):
    """The system would not do it: a full disk, a missing permission, a failed device."""

    exit_code = 12


def refused(error: OSError) -> SystemRefusedError:
    """What the system would not do, as an error that names the file, if it is about one."""
    if error.errno == errno.ENOENT and not error.filename and _is_nowhere():
        return SystemRefusedError("the current directory is gone", "cd to one that is there")
    # Of a file that was opened by its descriptor, the number is all that Python knows.
    named = isinstance(error.filename, str | bytes) and error.filename
    where = f"{os.fsdecode(named)}: " if named else ""
    return SystemRefusedError(f"{where}{error.strerror or error}")


def _is_nowhere() -> bool:
    """Whether the current directory was removed: of that the system tells no name."""
    with suppress(OSError):
        os.getcwd()
        return False
    return True


class StateError(GageError):
    """The run, or the project, is in no state for this."""

    exit_code = 20


class ConfigError(GageError):
    """The gage file, or a value in it or for it, is wrong."""

    exit_code = 30


class StartError(GageError):
    """gage could not get as far as starting the command."""

    exit_code = 125


class TimedOutError(GageError):
    """The command was ended because its time was over."""

    exit_code = 124
