"""gage check --runs: what is wrong with runs, for eyes, and mended where that is wanted."""

import os
from collections.abc import Sequence
from functools import partial

from gage.cli import complain, print_records
from gage.durable import sync_policy
from gage.errors import GageError, LockedError, NotFoundError
from gage.filters import Filters
from gage.finding import Finding, is_trouble
from gage.json_text import json_text
from gage.plumbing.fsck import fsck_home
from gage.porcelain.choosing import among, is_said, listed
from gage.porcelain.phase import phase
from gage.porcelain.runs import short_id
from gage.porcelain.verbs import finalize_run, fsck_run_at
from gage.progress import Progress
from gage.repair import is_mendable
from gage.row import Row
from gage.run import open_run
from gage.shown import shown_line

PROG = "gage check"


def check_runs(
    home: str,
    specs: Sequence[str],
    filters: Filters,
    limit: int | None,
    *,
    repair: bool,
    json: bool,
    quiet: bool,
    nul: bool = False,
) -> int:
    """Check the runs that are meant, and where nothing is said of them all, *home* as well."""
    rows = listed(home, filters, limit)
    if specs:
        rows = among(rows, specs, filters, home)
    found: list[Finding] = []
    for row in rows:
        with phase(f"checking {short_id(row)}", quiet or json) as progress:
            findings = _checked(row, repair, progress)
        _print(_title(row), row, findings, json, nul)
        found += findings
    if not is_said(specs, filters, limit) and os.path.isdir(home):
        findings = fsck_home(home, repair=repair)
        _print(home, None, findings, json, nul)
        found += findings
    troubles = [finding for finding in found if is_trouble(finding)]
    if not json and not (quiet and not troubles):
        print(_count(len(rows), troubles), flush=True)
    if any(map(_can_be_mended, found)) and not json and not repair:
        complain(PROG, "some of this can be mended", "gage check --runs --repair")
    return 1 if troubles else 0


def _checked(row: Row, repair: bool, progress: Progress) -> list[Finding]:
    sync = sync_policy(os.environ)
    check = partial(fsck_run_at, row.run_dir, sync=sync, progress=progress)
    try:
        findings = check()
        if not repair or not any(map(_can_be_mended, findings)):
            return findings
        if any(map(_is_unfinalized, findings)):
            finalize_run(open_run(row.run_dir, sync=sync), tell=partial(complain, PROG))
        return check(repair=True)
    except LockedError:
        return check()  # somebody is at work on it by now
    except NotFoundError:
        return []  # deleted meanwhile
    except GageError as error:
        complain(PROG, error.message, error.hint)
        return check()


def _can_be_mended(finding: Finding) -> bool:
    is_of_home = finding.severity == "warning" and finding.path.startswith(".")
    return is_of_home or is_mendable(finding) or _is_unfinalized(finding)


def _is_unfinalized(finding: Finding) -> bool:
    return finding.what == "unfinished" and finding.hint.startswith("gage-finalize ")


def _title(row: Row) -> str:
    return "  ".join(filter(None, (short_id(row), row.operation, row.status, row.label)))


def _print(title: str, row: Row | None, findings: Sequence[Finding], json: bool, nul: bool) -> None:
    if json:
        id = {"id": row.id} if row else {}
        print_records((json_text(id | finding._asdict()) for finding in findings), nul=nul)
    elif findings:
        print(shown_line(title))
        for finding in sorted(findings, key=_rank):
            print("  " + shown_line(_line(row, finding)))


def _rank(finding: Finding) -> int:
    return ("error", "warning", "note").index(finding.severity)


def _line(row: Row | None, finding: Finding) -> str:
    path, hint = finding.path, finding.hint
    if row is not None:
        path = path.removeprefix(row.name).removeprefix("/")
        if "gage-" not in hint:
            hint = hint.replace(finding.run_dir, short_id(row))
    where = f"{path}: " if path else ""
    # What can be mended is told once, at the end.
    told = f" ({hint})" if hint and not _can_be_mended(finding) else ""
    return f"{finding.severity}: {where}{finding.message}{told}"


def _count(runs: int, troubles: Sequence[Finding]) -> str:
    what = "1 run" if runs == 1 else f"{runs} runs"
    damaged = len({finding.run_dir for finding in troubles if finding.severity == "error"})
    return f"{what}, {damaged or 'none'} damaged" if troubles else f"{what}: ok"
