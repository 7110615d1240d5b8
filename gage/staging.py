"""Staging: the phases that make a run independent of its project, each a step of its own.

What entered when, and as what, is in ``log/files``, so that the phases can be done by
different processes; the manifest, and last of all the fact ``staged``, seal them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple, get_args

from gage.building import holding
from gage.clock import Clock
from gage.copying import Copied, copy_sources
from gage.durable import Sync, put, sync_dir
from gage.errors import NotFoundError, StateError
from gage.facts import append, log_action, put_json, remove_fact, sync_logs
from gage.files_log import FileEvent, append_events, entered
from gage.manifest import (
    DEPENDENCY,
    GENERATED,
    RUNTIME,
    SOURCE,
    Entry,
    format_manifest,
    read_manifest,
    sparse_algorithms,
)
from gage.opdef import (
    Dependency,
    OpDef,
    Phase,
    config_selectors,
    dependencies,
    digest_algorithm,
    flag_defs,
    forced_names,
    is_batch,
    open_names,
    phases,
    raw_steps,
    sourcecode_rule,
)
from gage.progress import Progress, Tell
from gage.recorded import recorded_config, recorded_dependencies, recorded_opdef
from gage.removing import remove_files, remove_tree
from gage.run import Run, has_fact, read_fact, run_meta_path, tmp_dir
from gage.run_files import walk_run_dir
from gage.sealing import seal_run_dir, unseal
from gage.selector import files_of, parse_selector
from gage.sourcecode import Selection, Source, select_files, select_sourcecode
from gage.stamps import put_stamp

StagePhase = Literal["sourcecode", "config", "runtime", "dependencies", "seal"]
STAGE_PHASES: tuple[StagePhase, ...] = get_args(StagePhase)


class Staging(NamedTuple):
    """One staging under way; *copied* are the files that this process copied and digested.

    *anew* is whether the run dir starts empty. *upstream* names the runs that a step takes
    files from; without it they are still to come.
    """

    run: Run
    opdef: OpDef
    project: str
    environ: Mapping[str, str]
    progress: Progress
    tell: Tell
    now: Clock
    copied: dict[str, Copied]
    anew: bool = True
    upstream: Sequence[str] | None = None


def do_phase(phase: StagePhase, staging: Staging) -> None:
    """Do one phase. Raises StateError and ConfigError that name what is in the way."""
    run = staging.run
    if phase != "sourcecode" and not os.path.isdir(run.run_dir):
        raise StateError(f"{run}: has no run dir yet", f"gage-stage --phase sourcecode {run}")
    _PHASES[phase](staging)


def source_files(opdef: OpDef, project: str, *, runs_home: str) -> Selection:
    """The files of *project* that a run of *opdef* gets as source code.

    Raises as select_sourcecode does.
    """
    selection = select_sourcecode(project, sourcecode_rule(opdef), runs_home=runs_home)
    needed = _project_dependencies(opdef, project, runs_home)
    config = _config_files(opdef, project)
    # A file that the operation depends on enters the run as that, and once; but config is
    # written before dependencies are taken, so a file of config enters as source code.
    later = {path: source for path, source in needed.items() if path not in config}
    sources = [source for source in selection.sources if source.path not in later]
    taken = {source.path for source in sources}
    sources += [needed[path] for path in needed if path in config and path not in taken]
    left_out = [left for left in selection.left_out if left.path not in needed]
    return Selection(sources, left_out, selection.idle)


def _stage_sourcecode(staging: Staging) -> None:
    run, opdef = staging.run, staging.opdef
    if not os.path.isdir(staging.project):
        raise NotFoundError(f"{staging.project}: no such directory")
    selection = source_files(opdef, staging.project, runs_home=run.home)
    if staging.anew:
        _begin_anew(run, opdef)
    remarks = [f"sourcecode: {pattern}: selects no file" for pattern in selection.idle]
    remarks += [
        f"left out {left.path}: {left.reason}; the pattern {left.pattern} takes it"
        for left in selection.left_out
    ]
    for line in remarks:
        log_action(run, line, staging.now)
        staging.tell(line)
    copied = copy_sources(
        staging.project,
        selection.sources,
        run.run_dir,
        digest_algorithm(opdef),
        read_only=_nothing_follows(opdef),
        progress=staging.progress,
    )
    staging.copied.update((copy.path, copy) for copy in copied)
    append_events(run, (FileEvent("a", SOURCE, copy.mtime, copy.path) for copy in copied))
    log_action(run, f"source files copied: {len(copied)}", staging.now)
    _run_phase_hook(staging, "stage-sourcecode", "10_sourcecode", SOURCE)


def _stage_config(staging: Staging) -> None:
    run, opdef = staging.run, staging.opdef
    if is_batch(opdef):
        return  # its values are those of its trials, which have the files
    selectors = config_selectors(opdef)
    values = recorded_config(run)
    constants: Mapping[str, object] = {}
    if selectors:
        from gage.config import read_config

        constants = read_config(run.run_dir, selectors)
    flags = {*flag_defs(opdef), *forced_names(opdef)}
    for name in values:
        of_step = ":" in name and raw_steps(opdef)
        if name not in constants and name not in flags and not of_step:
            from gage.config import unknown_key

            raise unknown_key(name, [*constants, *flags])
    given = {name: value for name, value in values.items() if name in constants}
    if not given:
        return
    from gage.config import changed_files

    open_to_all = forced_names(opdef) | open_names(opdef)
    changed = changed_files(run.run_dir, selectors, given, force=open_to_all)
    types = entered(run)
    for path, (before, after) in changed.items():
        # A copy is still in the project until it is sealed; what is reopened is nowhere else.
        _replace(run, path, after, "none" if staging.anew else run.sync)
        append(run, "log", "patched", data=_patch(path, before, after))
        mtime = os.stat(os.path.join(run.run_dir, path)).st_mtime_ns // 1000
        append_events(run, [FileEvent("m", types.get(path, SOURCE), mtime, path)])
        staging.copied.pop(path, None)
    if changed:
        log_action(run, f"wrote config to {', '.join(changed)}", staging.now)


def _stage_runtime(staging: Staging) -> None:
    _run_phase_hook(staging, "stage-runtime", "20_runtime", RUNTIME)


def _stage_dependencies(staging: Staging) -> None:
    run = staging.run
    wanted = dependencies(staging.opdef)
    if has_fact(run, "parent") and staging.upstream is None:
        wanted = [dependency for dependency in wanted if not dependency.run]
    if wanted:
        _take(staging, wanted, [], staging.upstream)
    _run_phase_hook(staging, "stage-dependencies", "30_dependencies", DEPENDENCY)


def take_upstream(staging: Staging, among: Sequence[str] | None) -> None:
    """Take anew what the staged run of a step needs of the runs before it, and seal it again.

    Those are *among* the runs of these names, or all. Raises StateError, and leaves the run
    as it is, where there is no such run.
    """
    from gage.dependencies import upstream_digests

    run = staging.run
    wanted = [dependency for dependency in dependencies(staging.opdef) if dependency.run]
    found = upstream_digests(run, wanted, among=among)
    records = recorded_dependencies(run)
    kept = [record for record in records if "run" not in record]
    old = [record for record in records if "run" in record]
    new = [
        {"path": path, "digest": digest, "run": ""}
        for path, digest in found.items()
        if path not in {record["path"] for record in old}
    ]
    for record in new:
        if os.path.lexists(os.path.join(run.run_dir, record["path"])):
            raise StateError(
                f"{run}: {record['path']}: a dependency would overwrite it",
                "put it elsewhere with `as:` in the gage file",
            )
    # Should we be stopped, this tells which files are only half taken.
    put_json(run, "dependencies.json", value=kept + old + new)
    remove_fact(run, "staged")
    gone = [record["path"] for record in old + new]
    remove_files(run.run_dir, gone)
    types = entered(run)
    append_events(run, [FileEvent("d", DEPENDENCY, None, path) for path in gone if path in types])
    _take(staging, wanted, kept, among)
    do_phase("seal", staging)


def _take(
    staging: Staging,
    wanted: Sequence[Dependency],
    kept: list[dict[str, Any]],
    among: Sequence[str] | None = None,
) -> None:
    from gage.dependencies import take_dependencies

    run, opdef = staging.run, staging.opdef
    taken = take_dependencies(run, wanted, staging.project, digest_algorithm(opdef), among=among)
    staging.copied.update((item.copied.path, item.copied) for item in taken)
    append_events(run, (FileEvent("a", DEPENDENCY, t.copied.mtime, t.copied.path) for t in taken))
    put_json(run, "dependencies.json", value=kept + [item.record for item in taken])
    log_action(run, f"files taken that the run depends on: {len(taken)}", staging.now)


def _seal(staging: Staging) -> None:
    run = staging.run
    types = entered(run)
    # What an earlier attempt generated is there, and is no part of what goes in.
    generated = {path for path, type in types.items() if type == GENERATED}
    known = {path: copied.digest for path, copied in staging.copied.items()}
    sealed = seal_run_dir(
        run.run_dir,
        known | dict.fromkeys(generated, ""),
        digest_algorithm(staging.opdef),
        algorithms=sparse_algorithms(read_manifest(run)) if has_fact(run, "manifest") else {},
        sync=run.sync,
        progress=staging.progress,
    )
    for path, reason in sealed.skipped:
        # What the command left in an earlier attempt need not be sealed before the next.
        if not staging.anew and types.get(path, GENERATED) == GENERATED:
            continue
        raise StateError(f"{run}: {path}: cannot be sealed: {reason}")
    unseal(run.run_dir, generated)
    digests = {file.path: file.digest for file in sealed.files if file.path not in generated}
    # A file that appeared between the phases was put there by hand: it is source code.
    order = [*(path for path in types if path in digests), *(p for p in digests if p not in types)]
    entries = [Entry(types.get(path, SOURCE), digests[path], path) for path in order]
    # With a manifest the run needs its project no more, though it be not staged yet.
    sync_logs(run)  # what entered as what is told there alone
    sync_dir(run.home, run.sync)  # the run dir has a name there
    put(
        tmp_dir(run),
        run_meta_path(run, "manifest"),
        format_manifest(entries),
        mode=0o664,
        sync=run.sync,
    )
    log_action(run, f"files staged: {len(entries)}", staging.now)
    put_stamp(run, "staged", staging.now)


_PHASES: Mapping[StagePhase, Callable[[Staging], None]] = {
    "sourcecode": _stage_sourcecode,
    "config": _stage_config,
    "runtime": _stage_runtime,
    "dependencies": _stage_dependencies,
    "seal": _seal,
}


def _nothing_follows(opdef: OpDef) -> bool:
    """Whether nothing writes to the copies after copying, so that they can be sealed at once."""
    hooks = set(phases(opdef)) & {"stage-sourcecode", "stage-runtime", "stage-dependencies"}
    return not hooks and not config_selectors(opdef)


def _project_dependencies(opdef: OpDef, project: str, runs_home: str) -> dict[str, Source]:
    wanted = [d for d in dependencies(opdef) if not d.run and not d.as_]
    return {
        source.path: source
        for dependency in wanted
        for source in select_files(project, dependency.files, runs_home=runs_home)
    }


def _config_files(opdef: OpDef, project: str) -> set[str]:
    selectors = [parse_selector(text) for text in config_selectors(opdef)]
    return {
        os.path.normpath(path)
        for selector in selectors
        if not selector.excludes
        for path in files_of(project, selector)
    }


def _begin_anew(run: Run, opdef: OpDef) -> None:
    """Make an empty run dir; what an earlier attempt left goes out of the way at once."""
    _purge_steps(run, opdef)
    if os.path.lexists(run.run_dir):
        left = os.path.join(tmp_dir(run), os.urandom(12).hex())
        with holding(run.run_dir):
            os.rename(run.run_dir, left)
            remove_tree(left)
    for name in ("files", "patched"):
        remove_fact(run, "log", name)
    remove_fact(run, "dependencies.json")
    os.mkdir(run.run_dir, 0o775)


def abandon(run: Run) -> None:
    """Remove *run*, which was never started, and the runs of its steps."""
    from gage.trash import discard_run

    _purge_steps(run, recorded_opdef(run))
    discard_run(run)


def _purge_steps(run: Run, opdef: OpDef) -> None:
    """Remove the runs that an interrupted staging has begun for its steps."""
    if not raw_steps(opdef):
        return
    from gage.pipeline import linked_run, named_steps, step_links
    from gage.trash import sweep

    sweep(run.home)  # else one whose removal was stopped stands in the way of its own link
    for link in step_links(run, named_steps(opdef)):
        step = linked_run(run, link)
        # A link may lead to any run: what is another's, or nobody's, is not ours to remove.
        is_ours = step and run.id and read_fact(step, "parent") == run.id
        if step and is_ours and not has_fact(step, "started"):
            abandon(step)


def _run_phase_hook(staging: Staging, phase: Phase, output: str, type: str) -> None:
    """Run the hook of a phase, if there is one, and record what it made as *type*."""
    run = staging.run
    if phase not in phases(staging.opdef):
        return
    # Few operations have hooks, and these imports take as long as staging a small project.
    from gage.command import phase_command
    from gage.hook import run_hook

    args = phase_command(staging.opdef, phase, recorded_config(run))
    if args is None:
        return
    log_action(run, f"running the hook {phase}", staging.now)
    extra = {"PROJECT_DIR": staging.project}
    code = run_hook(run, args, output, environ=staging.environ, extra=extra, now=staging.now)
    if code != 0:
        log_action(run, f"the hook {phase} failed with exit code {code}", staging.now)
        raise StateError(
            f"{run}: the hook {phase} failed with exit code {code}",
            f"gage-output --phase {output} {run}",
        )
    # The hook may have written to any file, within the resolution of a time stamp.
    staging.copied.clear()
    known = entered(run)
    files = walk_run_dir(run.run_dir)
    append_events(
        run, (FileEvent("a", type, f.mtime, f.path) for f in files if f.path not in known)
    )


def _replace(run: Run, path: str, data: bytes, sync: Sync) -> None:
    target = os.path.join(run.run_dir, path)
    mode = os.stat(target).st_mode & 0o777
    put(tmp_dir(run), target, data, mode=mode, sync=sync)
    # The mask may have taken something; who may not change the mode of his own file is on a
    # file system that has none.
    with suppress(PermissionError):
        os.chmod(target, mode)


def _patch(path: str, before: bytes, after: bytes) -> bytes:
    from gage.patch import format_patch

    name = os.fsencode(path)
    return format_patch(name, name, before, after)
