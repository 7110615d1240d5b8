"""The files of a run, held against its manifest, its log of files, and their modes.

The manifest keeps the digest that a staged file went in with. Where the command changed such
a file, finalize tells so in ``log/files``, with the time of modification; a digest of what
the command made of it is recorded nowhere. So that time is all that tells such a file from
one that was changed later.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from gage.dirs import Dirs
from gage.fact_claims import UNSEALED, fact, lost, mend
from gage.file_differences import Difference, find_differences
from gage.files_log import FileEvent, parse_event
from gage.finding import Finding, Severity, What
from gage.life import Life
from gage.manifest import GENERATED, Entry
from gage.meta_files import Facts, definition_of, entries_of, sound, text_of
from gage.opdef import raw_steps, sourcecode_rule
from gage.progress import Progress
from gage.reading import open_beneath
from gage.run import Run
from gage.run_files import Contents, Found, contents_of


def check_files(
    run: Run,
    facts: Facts,
    life: Life,
    links: Sequence[str],
    *,
    contents: bool,
    progress: Progress,
) -> Iterator[Finding]:
    """What is wrong with the files of *run*; *links* are those of steps, and told elsewhere.

    Without *contents* only the modes are looked at.
    """
    if life.phase == "pending":
        return
    try:
        dirs = Dirs(run.run_dir)
    except OSError as error:
        yield _no_run_dir(run, error)
        return
    entries = entries_of(facts)
    if entries is None or not life.is_sealed:
        dirs.close()
        return
    with dirs:
        inside = contents_of(dirs)
        yield from _modes(run, dirs, inside, entries, life)
    if not contents:
        return
    events = _events(facts)
    there = {found.path: found for found in inside.files}
    known = {entry.path: entry for entry in entries}
    for difference in find_differences(run, entries, progress=progress):
        path, entry = difference.path, known.get(difference.path)
        if entry is not None:
            yield _differs(run, facts, life, entry, difference, events, there.get(path))
        elif path not in links and (life.phase == "finished" or _went_in(path, events)):
            trouble = "the manifest does not know it"
            hint = f"move it out of the run, or gage runs rm {run}"
            yield _file(run, "error", "new", path, trouble, hint)
    for path, reason in inside.skipped if life.phase == "finished" else ():
        if path == ".":
            continue
        if reason.startswith("cannot be read"):
            yield _file(run, "error", "unreadable", path, f"{reason}, and so not be checked")
        else:
            yield _file(run, "note", "unknown", path, f"is not checked: {reason}")
    yield from _log(run, facts, entries, events)


def _no_run_dir(run: Run, error: OSError) -> Finding:
    if not os.path.lexists(run.run_dir):
        hint = f"bring it back from a copy of the run, or gage runs rm {run}"
        return _file(run, "error", "missing", "", "the run dir is gone", hint)
    if os.path.islink(run.run_dir):
        return _file(run, "error", "damaged", "", "the run dir is a link")
    return _file(run, "error", "unreadable", "", f"cannot be read: {error.strerror}")


def _differs(
    run: Run,
    facts: Facts,
    life: Life,
    entry: Entry,
    difference: Difference,
    events: Mapping[str, list[FileEvent]],
    found: Found | None,
) -> Finding:
    path, what = entry.path, difference.difference
    if what == "unreadable":
        return _file(run, "error", "unreadable", path, "cannot be read, and so not be checked")
    told = events.get(path, [])
    hint = f"bring it back from a copy, or gage restart {run} makes it anew"
    if entry.type != GENERATED:
        hint = f"bring it back from a copy, or gage restart --force-sourcecode {run}"
    elif what == "missing":
        return _file(run, "error", "missing", path, "is gone", hint)
    if life.phase == "staged":
        trouble = "is gone" if what == "missing" else "is not as it was staged"
        return _file(run, "error", _what(what), path, trouble, hint)
    if what == "missing":
        if told and told[-1].event == "d":
            return _file(run, "note", "command", path, "the command deleted it")
        trouble = "is gone, and log/files does not tell that the command deleted it"
        return _file(run, "error", "missing", path, trouble, hint)
    time = None if entry.type == GENERATED else _changed_by_command(facts, path, told)
    if time is None:
        return _file(run, "error", "changed", path, "has changed since the run ended", hint)
    if found is not None and found.mtime == time:
        trouble = (
            "the command changed it, at the time that it has; whether its content changed"
            " again since is recorded nowhere"
        )
        return _file(run, "note", "command", path, trouble)
    trouble = "the command changed it, and it has changed again since, or lost its time in a copy"
    return _file(run, "error", "changed", path, trouble, hint)


def _what(difference: str) -> What:
    return "missing" if difference == "missing" else "changed"


def _changed_by_command(facts: Facts, path: str, told: Sequence[FileEvent]) -> int | None:
    """When the command modified the file *path*, in µs; None where it did not.

    Staging tells of a file that it wrote values to as finalize does of one that the command
    changed: those were before the run was staged.
    """
    if not told or told[-1].event != "m":
        return None
    staged = text_of(facts, "staged")
    time = told[-1].mtime
    written = path in _written_by_config(facts)
    return time if not written or not staged or (time or 0) > int(staged) else None


def _written_by_config(facts: Facts) -> set[str]:
    from gage.patch import parse_patches

    return {patch.path for patch in parse_patches(sound(facts, "log/patched") or b"")}


def _modes(
    run: Run, dirs: Dirs, contents: Contents, entries: Sequence[Entry], life: Life
) -> Iterator[Finding]:
    staged = {entry.path for entry in entries if entry.type != GENERATED}
    for found in contents.files:
        if found.kind == "link" or not found.mode & UNSEALED:
            continue
        if life.phase == "staged" and found.path not in staged:
            continue
        status = _status(dirs, found.path)
        if status is None:
            continue
        if status.st_nlink > 1 and found.path not in contents.linked:
            trouble = "has hard links elsewhere, and can be written to"
            yield _file(run, "note", "writable", found.path, trouble)
        elif os.geteuid() not in (0, status.st_uid):
            trouble = "belongs to another user, and can be written to"
            yield _file(run, "note", "writable", found.path, trouble)
        else:
            yield _file(run, "warning", "writable", found.path, "should be read-only", mend(run))


def _status(dirs: Dirs, path: str) -> os.stat_result | None:
    try:
        fd = open_beneath(dirs, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _events(facts: Facts) -> dict[str, list[FileEvent]]:
    """What happened to each file since it entered, by its path, oldest first."""
    events: dict[str, list[FileEvent]] = {}
    text = (sound(facts, "log/files") or b"").decode("utf-8", "surrogateescape")
    for line in text.split("\n")[:-1]:
        event = parse_event(line)
        if event is not None and event.event == "a":
            events[event.path] = [event]
        elif event is not None:
            events.setdefault(event.path, []).append(event)
    return events


def _went_in(path: str, events: Mapping[str, list[FileEvent]]) -> bool:
    told = events.get(path, [])
    return bool(told) and told[-1].type != GENERATED and told[-1].event != "d"


def _log(
    run: Run, facts: Facts, entries: Sequence[Entry], events: Mapping[str, list[FileEvent]]
) -> Iterator[Finding]:
    """What is wrong with ``log/files``, by what the manifest tells."""
    path = "log/files"
    untold = [entry for entry in entries if entry.path not in events]
    if path not in facts:
        if untold and not (_takes_nothing(facts) and all(entry.type == "s" for entry in untold)):
            yield fact(run, "error", "missing", path, "is missing", lost(run))
        return
    if sound(facts, path) is None:
        return
    for entry in untold:
        if entry.type == GENERATED:
            trouble = f"does not tell of {entry.path}, which the manifest has"
            yield fact(run, "error", "mismatch", path, trouble, lost(run))
    if by_hand := sum(entry.type != GENERATED for entry in untold):
        files = "1 file" if by_hand == 1 else f"{by_hand} files"
        trouble = f"does not tell when {files} entered: they were put there by hand, or it is cut"
        yield fact(run, "note", "unknown", path, trouble)
    for entry in entries:
        told = events.get(entry.path)
        if told and told[0].type != entry.type:
            trouble = f"tells {entry.path} to be of type {told[0].type}, the manifest {entry.type}"
            yield fact(run, "error", "mismatch", path, trouble, lost(run))


def _takes_nothing(facts: Facts) -> bool:
    """Whether staging copies nothing, so that whatever is there was put there by hand."""
    opdef = definition_of(facts)
    if opdef is None:
        return False
    rule = sourcecode_rule(opdef)
    return rule == [] or (rule is None and bool(raw_steps(opdef)))


def _file(
    run: Run, severity: Severity, what: What, path: str, message: str, hint: str = ""
) -> Finding:
    where = os.path.join(run.name, path) if path else run.name
    return Finding(run.run_dir, severity, what, where, message, hint)
