"""A piece of work in a process of its own, that the kernel ends where it takes too much."""

import os
import resource
import signal
import traceback
from collections.abc import Callable

from gage.errors import GageError

SECONDS = 10
BYTES = 300 << 20


def bounded(work: Callable[[], object], *, seconds: int = SECONDS, size: int = BYTES) -> str:
    """What became of *work*: empty, the message of a GageError, or what it should not be.

    It has *seconds* of CPU time, and *size* bytes of memory beside what this process has.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        told = b"!" + b"fault"
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with open("/proc/self/statm", encoding="ascii") as file:
                ours = int(file.read().split()[0]) * resource.getpagesize()
            # A process that the work starts, and bounds, may set a bound of its own.
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (ours + size, hard))
            work()
            told = b""
        except GageError as error:
            told = f"{error.message} | {error.hint}".encode("utf-8", "surrogateescape")[:2000]
        except BaseException:
            told = b"!" + traceback.format_exc()[-2000:].encode("utf-8", "backslashreplace")
        finally:
            os.write(writing, told)
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        return f"!{signal.Signals(-code).name if code < 0 else code}"
    return told.decode("utf-8", "surrogateescape")
