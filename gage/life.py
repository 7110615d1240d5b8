"""How far a run has come, told by which of its facts are there, whatever they hold.

A reopening that was interrupted is a phase of its own: the attempt was kept, and some of the
facts that it is about are still there, or none, and ``staged`` is not there again.
"""

from collections.abc import Container
from typing import Literal, NamedTuple

from gage.meta_files import Facts

Phase = Literal["pending", "staged", "started", "finished", "reopening"]


class Life(NamedTuple):
    """*attempts* are the numbers of the earlier attempts, in order."""

    phase: Phase
    attempts: list[int]

    @property
    def is_sealed(self) -> bool:
        """Whether the manifest holds for the files, but for those that are generated."""
        return self.phase in ("staged", "finished")


def life_of(files: Facts, folders: Container[str]) -> Life:
    """How far a run with these files and directories in its meta dir has come."""
    numbers: list[int] = []
    while f"attempts/{len(numbers) + 1}" in folders:
        numbers.append(len(numbers) + 1)
    return Life(_phase(files, numbers), numbers)


def is_kept(files: Facts, attempts: list[int]) -> bool:
    """Whether the last attempt that was kept is the one that the run's own facts are about."""
    if not attempts or "started" not in files:
        return False
    kept = files.get(f"attempts/{attempts[-1]}/started")
    return kept is not None and kept.data == files["started"].data


def _phase(files: Facts, attempts: list[int]) -> Phase:
    if "proc/exit" in files:
        # Of what goes then, staged goes first and proc/exit last.
        kept = attempts and ("started" not in files or is_kept(files, attempts))
        return "reopening" if kept and "staged" not in files else "finished"
    if "started" in files:
        # Nothing of an attempt that was kept is there without proc/exit.
        return "started"
    if "staged" in files:
        return "staged"
    return "reopening" if attempts else "pending"
