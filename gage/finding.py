"""A finding: one thing that a check has to say of a run, or of a runs home."""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]
"""``error``: a claim that is not so. ``warning``: something to be mended, that makes no
claim untrue. ``note``: nothing is wrong."""

What = Literal[
    "missing",
    "damaged",
    "mismatch",
    "changed",
    "new",
    "unreadable",
    "link",
    "unfinished",
    "writable",
    "cut",
    "left-over",
    "running",
    "command",
    "clock",
    "unknown",
]
"""What it is, as a word that scripts can rely on; gage-fsck(1) tells what each means."""


class Finding(NamedTuple):
    """*path* is relative to the runs home; *hint* is what to do, or empty.

    *run_dir* is that of the run, or the runs home where it is about no run.
    """

    run_dir: str
    severity: Severity
    what: What
    path: str
    message: str
    hint: str = ""


def is_trouble(finding: Finding) -> bool:
    """Whether something is wrong: notes are no trouble."""
    return finding.severity != "note"
