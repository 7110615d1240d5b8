"""What is about to be run, for who decides about it: values, steps or trials, and files.

It is asked of what stages a run, so that it is what will be staged.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TextIO

from gage.cli import said
from gage.opdef import (
    OpDef,
    batch_texts,
    dependencies,
    description,
    is_batch,
    raw_steps,
    sourcecode_rule,
)
from gage.operation import Operation, Prepared
from gage.pipeline import is_pipeline
from gage.porcelain.table import table_lines
from gage.row import settings_text
from gage.scalar import format_value
from gage.shown import shown_line
from gage.sourcecode import idle_patterns, select_files
from gage.staging import source_files
from gage.step_runs import PreparedStep, prepare_steps
from gage.step_secrets import environ_for_steps

MOST = 20
"""Trials of a batch, and steps, that are shown."""


class Part(NamedTuple):
    """A run that will be made: *name* is the path to its link, empty for the first of all.

    One that is ``among_trials`` stands for those of all trials of a batch.
    """

    name: str
    prepared: Prepared
    project: str
    among_trials: bool = False


def planned_parts(
    operation: Operation, prepared: Prepared, environ: Mapping[str, str]
) -> list[Part]:
    """The run of *prepared*, and those of its steps and of theirs, in order; of the trials of
    a batch, which differ in values alone, the first. Raises GageErrors that name the step.
    """
    return list(_parts(Part("", prepared, operation.project), environ))


def show_values(parts: Sequence[Part], to: TextIO) -> None:
    """Show the operation and its values, those that were given marked, with steps or trials."""
    prepared = parts[0].prepared
    about = description(prepared.opdef)
    to.write(said(f"{prepared.opref}{': ' if about else ''}{about}") + "\n")
    names = [f" {'*' if name in prepared.given else ' '} {name}" for name in prepared.config]
    for line in table_lines([names, list(map(format_value, prepared.config.values()))]):
        to.write(line + "\n")
    if is_batch(prepared.opdef):
        _show_trials(prepared.opdef, to)
    elif is_pipeline(prepared.opdef):
        _show_steps([part for part in parts[1:] if not part.among_trials], to)


def show_files(parts: Sequence[Part], home: str) -> None:
    """Print the command, and which files would be copied, and which not."""
    first = parts[0]
    alone = not is_pipeline(first.prepared.opdef)
    if alone:
        args = first.prepared.cmd.args
        print(said(f"command: {args if isinstance(args, str) else shlex.join(args)}"))
    # Most steps take the same files.
    takers: dict[tuple[str, ...], list[str]] = {}
    remarks: list[str] = []
    for part in parts:
        opdef = part.prepared.opdef
        if is_pipeline(opdef) and not sourcecode_rule(opdef):
            continue
        of = f"{part.name}: " if part.name else ""
        selection = source_files(opdef, part.project, runs_home=home)
        files = tuple(source.path for source in selection.sources)
        takers.setdefault(files, []).append(part.name or part.project)
        remarks += [f"{of}depends on {text}" for text in _depends(part, home)]
        remarks += [f"{of}sourcecode: {pattern}: selects no file" for pattern in selection.idle]
        remarks += [f"{of}left out: {left.path}: {left.reason}" for left in selection.left_out]
    for paths, names in takers.items():
        print(shown_line(f"source code of {', '.join(names)}:"))
        for path in paths:
            print(shown_line(f"   {path}"))
    for remark in remarks:
        print(shown_line(remark))


def _parts(part: Part, environ: Mapping[str, str]) -> Iterator[Part]:
    yield part
    opref, opdef, config, *_ = part.prepared
    if not is_pipeline(opdef):
        return
    first = [raw_steps(opdef)[0]["name"]] if is_batch(opdef) else None
    environ = environ_for_steps(opdef, config, environ)
    for step in prepare_steps(opref, opdef, config, part.project, first, environ=environ):
        yield from _parts(_step(part, step), environ)


def _step(part: Part, step: PreparedStep) -> Part:
    if step.named.is_trial:
        return Part(part.name, step.prepared, step.project, among_trials=True)
    name = f"{part.name}/{step.named.name}".removeprefix("/")
    return Part(name, step.prepared, step.project, part.among_trials)


def _show_steps(parts: Sequence[Part], to: TextIO) -> None:
    first = [part.prepared for part in parts[:MOST]]
    settings = [
        settings_text(
            p.config, {*p.given, *(p.opdef.data.get("flags") or {})}, batch_texts(p.opdef)
        )
        for p in first
    ]
    columns = [[p.name for p in parts[:MOST]], [str(p.opref) for p in first], settings]
    to.write(f"{len(parts)} steps:\n" if len(parts) > 1 else "1 step:\n")
    _show_table(columns, len(parts) - len(first), to)


def _show_trials(opdef: OpDef, to: TextIO) -> None:
    steps = raw_steps(opdef)
    first = steps[:MOST]
    columns = [["", *(step["name"] for step in first)]]
    for name in batch_texts(opdef):
        values = [step["flags"] for step in first]
        columns.append([name, *(format_value(v[name]) if name in v else "" for v in values)])
    to.write(f"{len(steps)} trials:\n" if len(steps) > 1 else "1 trial:\n")
    _show_table(columns, len(steps) - len(first), to)


def _show_table(columns: Sequence[Sequence[str]], more: int, to: TextIO) -> None:
    for line in table_lines(columns):
        to.write(f"   {line}\n")
    if more:
        to.write(f"   and {more:,} more\n")


def _depends(part: Part, home: str) -> Iterator[str]:
    """What the run of *part* depends on."""
    for dependency in dependencies(part.prepared.opdef):
        files = " ".join(dependency.files) or "what it generated"
        if dependency.run:
            where = "the run" if part.name else f"the newest {dependency.status} run"
            yield f"{files} of {where} of {dependency.run}"
            continue
        found = select_files(part.project, dependency.files, runs_home=home)
        idle = idle_patterns(dependency.files, found)
        yield f"{files}: {' '.join(idle)} selects no file" if idle else files
