"""Candidates: what there is of each kind of word that a command takes, with a word about each.

The kinds are named as the usage of a command names them: RUN, DIR, ``[OPERATION|FILE]``.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from gage.candidate import DIRECTORIES, FILES, Candidate, Place

_FIXED = {
    "ALGORITHM": ("sha256", "blake3"),
    "WHEN": ("today", "yesterday", "this week", "last hour", "last 2 hours", "last 7 days"),
}
_SHELL = {"DIR": DIRECTORIES, "PROJECT": DIRECTORIES, "FILE": FILES, "SELECTOR": FILES}

# What is not asked for is not imported.
_MADE = {
    "COMMAND|PAGE": "candidates:pages",
    "DELETED RUN": "run_candidates:deleted_runs",
    "EXPR": "run_candidates:fields",
    "KEY": "run_candidates:fields",
    "LABEL": "run_candidates:labels",
    "METRIC": "run_candidates:metrics",
    "NAME=VALUE": "operation_candidates:assignments",
    "OPERATION": "run_candidates:operations_of_runs",
    "OPERATION|FILE": "operation_candidates:operations",
    "OPERATION|NAME=VALUE": "operation_candidates:operations_or_values",
    "OTHER": "run_candidates:run_dirs",
    "PARENT_DIR": "run_candidates:run_dirs",
    "PATH": "run_candidates:paths",
    "PHASE": "candidates:phases",
    "RUN": "run_candidates:runs",
    "RUN_DIR": "run_candidates:run_dirs",
    "RUN'S NAME=VALUE": "run_candidates:values_of_run",
    "RUN|PATH": "run_candidates:runs_or_paths",
    "SPEC": "run_candidates:runs",
    "STATUS": "candidates:statuses",
    "STEP_DIR": "run_candidates:run_dirs",
    "TAG": "run_candidates:tags",
}


def candidates(kind: str, current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """What a word of *kind* may be; *before* are the arguments before it.

    *current* is what there is of it already. What does not begin with it may be among them.
    """
    if kind in _SHELL:
        return iter([Candidate("", _SHELL[kind])])
    if kind.startswith("{"):
        return map(Candidate, kind[1:-1].split(","))
    if kind in _FIXED:
        return map(Candidate, _FIXED[kind])
    if kind not in _MADE:
        return iter(())
    module, _, name = _MADE[kind].partition(":")
    make: Callable[..., Iterator[Candidate]] = getattr(import_module(f"gage.{module}"), name)
    return make(current, place, before)


def statuses(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """All words for a status."""
    from gage.status import STATUSES

    return map(Candidate, STATUSES)


def phases(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """All phases of a run."""
    from gage.opdef import PHASES

    return map(Candidate, PHASES)


def pages(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """All pages of the manual."""
    from gage.manual import page_names

    return (Candidate(name.removeprefix("gage-")) for name in page_names())
