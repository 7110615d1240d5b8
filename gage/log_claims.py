"""The log of files of a run, held against its manifest: each tells of the same files."""

from collections.abc import Iterator, Sequence

from gage.fact_claims import fact, lost
from gage.file_history import History
from gage.finding import Finding
from gage.manifest import GENERATED, SOURCE, Entry
from gage.meta_files import Facts, definition_of, sound
from gage.opdef import sourcecode_rule
from gage.run import Run

_LOG = "log/files"


def check_log(
    run: Run, facts: Facts, entries: Sequence[Entry], history: History
) -> Iterator[Finding]:
    """What is wrong with ``log/files`` by what the manifest tells, whose *entries* are given."""
    untold = [entry for entry in entries if entry.path not in history.events]
    if _LOG not in facts:
        by_hand = _takes_nothing(facts) and all(entry.type == SOURCE for entry in untold)
        if untold and not by_hand:
            yield fact(run, "error", "missing", _LOG, "is missing", lost(run))
        return
    if sound(facts, _LOG) is None:
        return
    for entry in untold:
        if entry.type == GENERATED:
            trouble = f"does not tell of {entry.path}, which the manifest has"
            yield fact(run, "error", "mismatch", _LOG, trouble, lost(run))
    if count := sum(entry.type != GENERATED for entry in untold):
        files = "1 file" if count == 1 else f"{count} files"
        trouble = f"does not tell when {files} entered: they were put there by hand, or it is cut"
        yield fact(run, "note", "unknown", _LOG, trouble)
    for entry in entries:
        types = {event.type for event in history.events.get(entry.path, [])}
        if types and entry.type not in types:
            trouble = f"tells that {entry.path} is of another type than the manifest does"
            yield fact(run, "error", "mismatch", _LOG, trouble, lost(run))


def _takes_nothing(facts: Facts) -> bool:
    """Whether staging copies nothing, so that whatever is there was put there by hand."""
    opdef = definition_of(facts)
    if opdef is None:
        return False
    return sourcecode_rule(opdef) == []
