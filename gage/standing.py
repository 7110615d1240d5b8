"""How a run and all its steps stand, looked at again and again while they run.

Everything is read from facts, so that anybody can watch, whoever runs what. What cannot have
changed is not read twice: a look costs a few system calls for a step that has ended or waits.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from gage.errors import GageError
from gage.expectations import find_unmet
from gage.output import RUN
from gage.pipeline import find_links, find_sibling, is_pipeline, named_steps
from gage.recorded import recorded_opdef
from gage.run import Run, has_fact, open_run, read_fact, run_meta_path
from gage.status import Status, run_status
from gage.tail import last_lines

Mark = tuple[int, int, int] | None
"""What tells one file from another that takes its place."""

ENDED: tuple[Status, ...] = ("completed", "error", "terminated")


class Standing(NamedTuple):
    """How a run stands: itself, of which *path* is empty, or a step below it.

    *path* are the names of the links to it; *run* is None where a link leads nowhere. Times
    are in microseconds since the epoch. ``is_earlier`` is whether it was started before the
    present attempt of the run that is looked at, and *line* is the last that it wrote.
    Of a step that has ended *unmet* is what its pipeline expects and it does not meet, and
    ``is_expected`` whether it meets all that is.
    """

    path: tuple[str, ...]
    run: Run | None
    status: Status | None
    started: int | None = None
    stopped: int | None = None
    is_earlier: bool = False
    has_steps: bool = False
    line: str = ""
    unmet: str = ""
    is_expected: bool = False


class _Known:
    """What is known of a run since the last look."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.status: Status | None = None
        self.started: int | None = None
        self.stopped: int | None = None
        self.ended: Mark = None
        self.defined: Mark = None
        self.names: list[str] = []
        self.expected: dict[str, Mapping[str, Any]] = {}
        self.met: dict[str, tuple[Mark, str]] = {}
        self.has_steps = False
        self.by_hand: dict[str, str] = {}
        self.written: Mark = None
        self.line = ""


class Observer:
    """Whoever looks at *run*, and remembers what was there."""

    def __init__(self, run: Run) -> None:
        """Look at *run*, whatever its state."""
        self._run = run
        self._known: dict[str, _Known] = {}
        self._began: int | None = None

    def look(self) -> list[Standing]:
        """How the run stands, and then its steps, each before its own. Raises nothing."""
        known = self._refreshed(self._run)
        self._began = known.started if known else None
        return self._below(self._run, (), frozenset())

    def _below(self, run: Run, path: tuple[str, ...], above: frozenset[str]) -> list[Standing]:
        known = self._refreshed(run)
        earlier = bool(self._began and known.started and known.started < self._began)
        found = [
            Standing(
                path,
                run,
                known.status,
                known.started,
                known.stopped,
                earlier,
                known.has_steps,
                known.line,
            )
        ]
        # A link to a pipeline above is damage, and without an end.
        above |= {run.name}
        for name, step in self._steps(known):
            if step is None:
                found.append(Standing((*path, name), None, None))
            elif step.name not in above:
                first, *others = self._below(step, (*path, name), above)
                found += [self._judged(first, known, name), *others]
        return found

    def _judged(self, standing: Standing, parent: _Known, name: str) -> Standing:
        expect = parent.expected.get(name)
        if not expect or standing.run is None or standing.status not in ENDED:
            return standing
        ended = self._known[standing.run.run_dir].ended
        if parent.met.get(name, (None, ""))[0] != ended:
            parent.met[name] = ended, ", ".join(find_unmet(standing.run, expect))
        unmet = parent.met[name][1]
        return standing._replace(unmet=unmet, is_expected=not unmet)

    def _refreshed(self, run: Run) -> _Known:
        known = self._known.setdefault(run.run_dir, _Known(run))
        ended = _mark(run_meta_path(run, "proc", "exit"))
        if known.status in ENDED and known.ended == ended is not None:
            return known
        waits = known.status in ("staged", "pending") and ended is None
        if waits and not has_fact(run, "started") and has_fact(run, "staged"):
            known.status = "staged"
        else:
            before = known.status
            known.ended, known.status = ended, run_status(run)
            known.started = _stamp(run, "started")
            known.stopped = _stamp(run, "stopped") if ended else None
            if known.status != before:
                known.by_hand = {}
        self._define(known)
        if not known.has_steps and known.status not in ("staged", "pending"):
            written = _mark(run_meta_path(run, "output", RUN))
            if written != known.written:
                known.written = written
                known.line = "".join(last_lines(run, 1))
        elif known.status in ("staged", "pending"):
            known.line, known.written = "", None
        return known

    def _define(self, known: _Known) -> None:
        defined = _mark(run_meta_path(known.run, "opdef.json"))
        if defined != known.defined:
            known.defined = defined
            try:
                opdef = recorded_opdef(known.run)
                steps = named_steps(opdef)
                known.names = [named.name for named in steps]
                known.expected = {named.name: named.step.expect for named in steps}
                known.has_steps = is_pipeline(opdef)
            except OSError:
                known.defined = None  # it may pass
            except (GageError, AttributeError, LookupError, TypeError):
                known.names, known.expected, known.has_steps = (
                    [],
                    {},
                    False,
                )  # JSON of any other shape
        if not known.names and not known.by_hand:
            # A pipeline made by hand has links alone, made before it runs.
            try:
                links = find_links(known.run)
            except (GageError, OSError):
                links = []
            known.by_hand = {link.name: link.run_dir for link in links if link.state == "ok"}
            known.by_hand = known.by_hand or {"": ""}
            known.has_steps = "" not in known.by_hand

    def _steps(self, known: _Known) -> list[tuple[str, Run | None]]:
        names = known.names or [name for name in known.by_hand if name]
        return [(name, self._step(known.run, name)) for name in names]

    def _step(self, parent: Run, name: str) -> Run | None:
        run_dir = find_sibling(parent, name)
        if run_dir is None:
            return None
        if known := self._known.get(run_dir):
            return known.run
        try:
            return open_run(run_dir)
        except (GageError, OSError):
            return None


def _mark(path: str) -> Mark:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _stamp(run: Run, name: str) -> int | None:
    try:
        text = read_fact(run, name) or ""
    except OSError:
        return None
    return int(text) if text.isdecimal() and len(text) < 20 else None
