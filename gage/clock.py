"""Time stamps: microseconds since the epoch, UTC, that never repeat or go back in a process.

Where the clock of the machine was set back, they go on as fast as time does.
"""

import time
from collections.abc import Callable

Clock = Callable[[], int]

_last = 0
_ticks = time.monotonic_ns() // 1000


def now() -> int:
    """The time in microseconds since the epoch, later than every stamp before it."""
    global _last, _ticks
    ticks = time.monotonic_ns() // 1000
    _last = max(_last + max(1, ticks - _ticks), time.time_ns() // 1000)
    _ticks = ticks
    return _last


def iso(stamp: int) -> str:
    """*stamp* as ISO 8601 in UTC, to the microsecond."""
    seconds, micros = divmod(stamp, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros:06d}Z"
