"""Dependencies: files that a run takes from its project and from the runs before it.

Each is copied, so that the run needs neither again, and what was taken from where is
recorded in the fact ``dependencies.json``: an array of objects with the ``path`` in the
run, its ``digest``, and either ``file``, a path in the project, or ``run``, ``operation``
and ``file``, the path in that run.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from gage.copying import Copied, copy_sources
from gage.digest import algorithm_of, digest_fd
from gage.dirs import Dirs
from gage.errors import StateError
from gage.files_log import entered
from gage.filters import Filters
from gage.listing import read_rows
from gage.manifest import GENERATED, SOURCE, is_run_path, read_manifest
from gage.opdef import Dependency
from gage.patterns import compile_patterns
from gage.reading import READ, open_beneath
from gage.row import Row, read_row
from gage.run import Run, open_run
from gage.sourcecode import Source, select_files


class Taken(NamedTuple):
    """One dependency in the run, and the record of where it came from."""

    copied: Copied
    record: dict[str, Any]


def take_dependencies(
    run: Run,
    dependencies: Sequence[Dependency],
    project: str,
    algorithm: str,
    *,
    among: Sequence[str] | None = None,
) -> list[Taken]:
    """Copy all *dependencies* into the run dir of *run*.

    Runs are taken from *among* those of these names, the first that will do, or without it
    the newest of all. Raises StateError where one cannot be met, or would overwrite a file
    of the run.
    """
    taken: list[Taken] = []
    for dependency in dependencies:
        if dependency.run:
            taken += _from_run(run, dependency, algorithm, among)
        else:
            taken += _from_project(run, dependency, project, algorithm)
    return taken


def _from_project(run: Run, dependency: Dependency, project: str, algorithm: str) -> list[Taken]:
    sources = select_files(project, dependency.files, runs_home=run.home)
    if not sources:
        raise StateError(
            f"{' '.join(dependency.files)}: no such file in {project}",
            "the operation depends on it: make it, or mend `depends` in the gage file",
        )
    # What is source code too, being config, is there already.
    there = {} if dependency.as_ else entered(run)
    sources = [source for source in sources if there.get(source.path) != SOURCE]
    copied = _copy(run, project, sources, dependency, algorithm)
    return [
        Taken(copy, {"path": copy.path, "digest": copy.digest, "file": source.path})
        for source, copy in zip(sources, copied, strict=True)
    ]


def upstream_digests(
    run: Run, dependencies: Sequence[Dependency], *, among: Sequence[str] | None = None
) -> dict[str, str]:
    """The digest of each file that *run* would take from other runs now, by its path in *run*.

    Raises StateError where a dependency cannot be met.
    """
    digests = {}
    for dependency in dependencies:
        if dependency.run:
            _, found = _upstream(run, dependency, among)
            for path, digest in found.items():
                digests[_target(path, dependency.as_, len(found))] = digest
    return digests


def _upstream(
    run: Run, dependency: Dependency, among: Sequence[str] | None
) -> tuple[Row, dict[str, str]]:
    """The run to take from, and the digests of its files that are wanted."""
    row = _chosen(run, dependency, among)
    wanted = compile_patterns(dependency.files) if dependency.files else None
    digests = {
        entry.path: entry.digest
        for entry in read_manifest(open_run(row.run_dir))
        if (wanted(entry.path) if wanted else entry.type == GENERATED)
    }
    if not digests:
        files = " ".join(dependency.files) or "generated files"
        raise StateError(f"{row.run_dir}: has no {files}, which {run.opref} depends on")
    return row, digests


def _from_run(
    run: Run, dependency: Dependency, algorithm: str, among: Sequence[str] | None
) -> list[Taken]:
    row, digests = _upstream(run, dependency, among)
    paths = list(digests)
    sources = [
        Source(path, "link" if digests[path].startswith("link:") else "file") for path in paths
    ]
    copied = _copy(run, row.run_dir, sources, dependency, algorithm)
    for path, copy in zip(paths, copied, strict=True):
        if _digest_again(run, copy, digests[path]) != digests[path]:
            raise StateError(
                f"{row.run_dir}: {path}: changed since the run was finalized",
                f"gage-manifest --check {row.run_dir}",
            )
    return [
        Taken(
            copy,
            {
                "path": copy.path,
                "digest": copy.digest,
                "run": row.id,
                "operation": row.operation,
                "file": path,
            },
        )
        for path, copy in zip(paths, copied, strict=True)
    ]


def _chosen(run: Run, dependency: Dependency, among: Sequence[str] | None) -> Row:
    wanted = Filters(
        operations=(dependency.run,),
        statuses=(dependency.status,),
        expressions=(dependency.select,) if dependency.select else (),
    )
    rows = read_rows(run.home) if among is None else [read_row(run.home, n) for n in among]
    found = wanted._replace(limit=1).apply(rows)
    if found:
        return found[0]
    where = f" where {dependency.select}" if dependency.select else ""
    if among is not None:
        raise StateError(
            f"{run.opref} depends on a {dependency.status} run of {dependency.run}{where}, "
            "and no step before it is one",
            "`isolate-runs: no` in the step takes the runs of others, too",
        )
    raise StateError(
        f"{run.opref} depends on a {dependency.status} run of {dependency.run}{where}, "
        f"and there is none in {run.home}",
        f"gage run {dependency.run}",
    )


def _copy(
    run: Run, origin: str, sources: Sequence[Source], dependency: Dependency, algorithm: str
) -> list[Copied]:
    targets = [_target(source.path, dependency.as_, len(sources)) for source in sources]
    taken: set[str] = set()
    for target in targets:
        if target in taken:
            raise StateError(f"{run}: {target}: two files that it depends on would be called so")
        if not is_run_path(target):
            raise StateError(f"{run}: {target}: not a path within the run dir")
        if os.path.lexists(os.path.join(run.run_dir, target)):
            raise StateError(
                f"{run}: {target}: a dependency would overwrite it",
                "put it elsewhere with `as:` in the gage file",
            )
        taken.add(target)
    return copy_sources(origin, sources, run.run_dir, algorithm, targets=targets)


def _target(path: str, as_: str, count: int) -> str:
    if not as_:
        return path
    if count > 1 or as_.endswith("/"):
        as_ = os.path.join(as_, os.path.basename(path))
    return os.path.normpath(as_)


def _digest_again(run: Run, copy: Copied, wanted: str) -> str:
    """The digest of *copy* by the algorithm of the digest *wanted*."""
    algorithm = algorithm_of(wanted)
    if algorithm == algorithm_of(copy.digest):
        return copy.digest
    with Dirs(run.run_dir) as dirs:
        fd = open_beneath(dirs, copy.path, READ)
    try:
        return digest_fd(fd, algorithm)
    finally:
        os.close(fd)
