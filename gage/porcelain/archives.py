"""gage runs export and import: runs in an archive, to another machine and back."""

import os
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, Annotated

import typer

from gage.archive import write_archive
from gage.arrival import import_runs
from gage.cli import complain, print_records
from gage.compression import compressing
from gage.durable import putting, replaceable, sync_policy
from gage.errors import ConfigError, NotFoundError, UsageError
from gage.filters import Filters
from gage.home import make_project_home
from gage.json_text import json_text
from gage.pipeline import find_links, linked_run
from gage.porcelain.choosing import chosen, expect_said
from gage.porcelain.options import Json, Limit, Nul, Place, Specs
from gage.run import Run

Output = Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="the archive")]
_OTHER_FILES = 256

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="archives; - reads one")]


def export(
    place: Place, filters: Filters, specs: Specs = [], limit: Limit = None, output: Output = "-"
) -> int:
    """Write runs, and those of their steps, to an archive."""
    expect_said(specs, filters, limit)
    if output == "-" and sys.stdout.isatty():
        raise UsageError("an archive is nothing for a terminal", "-o FILE.tar.gz writes a file")
    rows = chosen(place.home, specs, filters, limit)
    runs = _with_steps([row.run for row in rows])
    _allow_files(len(runs) + _OTHER_FILES)
    if output == "-":
        write_archive(runs, sys.stdout.buffer)
        return 0
    with _replaced(output) as file, compressing(file, output) as stream:
        write_archive(runs, stream)
    return 0


def import_(place: Place, files: Files, json: Json = False, nul: Nul = False) -> int:
    """Put the runs of archives into the runs home."""
    make_project_home(place.home)
    tell = partial(complain, "gage runs import")
    sync = sync_policy(os.environ)
    for path in files:
        with _opened(path) as packed:
            try:
                arrived = import_runs(packed, place.home, tell=tell, sync=sync)
            except ConfigError as error:
                raise ConfigError(f"{path}: {error.message}", error.hint) from None
        for run in arrived:
            if not run.is_new:
                tell(f"{run.run.name}: is here already, and the same")
        new = [run.run for run in arrived if run.is_new]
        if json:
            objects = ({"id": run.id, "run_dir": run.run_dir} for run in new)
            print_records(map(json_text, objects), nul=nul)
        else:
            print_records((run.id for run in new), nul=nul)
    return 0


def _allow_files(count: int) -> None:
    """Let so many files be open, if that may be: the lock of each run is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _with_steps(runs: Sequence[Run]) -> list[Run]:
    """*runs* and the runs of their steps, each once."""
    found: dict[str, Run] = {}
    ahead = list(runs)
    while ahead:
        run = ahead.pop(0)
        if run.run_dir in found:
            continue
        found[run.run_dir] = run
        # Any run may have steps: gage-link-steps(1) asks for no pipeline.
        steps = (linked_run(run, link) for link in find_links(run))
        ahead += [step for step in steps if step]
    return list(found.values())


@contextmanager
def _replaced(path: str) -> Iterator[IO[bytes]]:
    """A file that becomes *path* when all of it is on the disk."""
    path = replaceable(path, "without -o the archive goes to a pipe")
    with (
        putting(os.path.dirname(path), path, mode=0o666) as fd,
        open(fd, "wb", closefd=False) as file,
    ):
        yield file


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    if not os.path.lexists(path):
        raise NotFoundError(f"{path}: no such file")
    if os.path.isdir(path):
        raise NotFoundError(f"{path}: a directory, and no archive")
    with open(path, "rb") as file:
        yield file
