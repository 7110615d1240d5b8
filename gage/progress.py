"""Progress and remarks: what a verb tells while it is at work, to whoever listens."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called now and then with the bytes done so far and the bytes in all."""

Tell = Callable[[str], None]
"""Called with a line about something that did not stop the verb, and somebody should know."""


def ignore(done: int, total: int) -> None:
    """Progress that nobody watches."""


def unheard(line: str) -> None:
    """A remark that nobody hears; the log has it too."""
