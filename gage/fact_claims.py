"""The facts of a run, one by one: each is there when it must be, well formed, and sealed."""

import stat
from collections.abc import Iterator

from gage.fact_shapes import is_cut, is_known
from gage.finding import Finding, Severity, What
from gage.life import Life
from gage.meta_files import FOLDERS, Facts, MetaDir, definition_of, own_name
from gage.opdef import Phase, phases
from gage.run import Run
from gage.sealing import UNSEALED

_FROM_INIT = (
    *("__schema__", "id", "opref", "opdef.json", "config.json", "proc/cmd.json", "proc/env.json"),
    "initialized",
)
_FROM_STAGE = ("manifest", "log/runner")
_FROM_EXEC = ("staged", "started", "output/40_run", "output/40_run.index")
_OF_AN_ATTEMPT = (
    *("proc/exit", "proc/cmd.json", "proc/env.json", "started", "stopped", "config.json"),
    *("manifest", "output/40_run", "output/40_run.index"),
)
_LOGS = ("log/runner", "log/files")
_OUTPUTS: dict[Phase, str] = {
    "stage-sourcecode": "10_sourcecode",
    "stage-runtime": "20_runtime",
    "stage-dependencies": "30_dependencies",
    "finalize": "50_finalize",
}
READER = "check as the user who owns it, or let yourself read it"
"""What to do where something cannot be read."""


def check_facts(run: Run, meta: MetaDir, life: Life) -> Iterator[Finding]:
    """What is wrong with each fact of *run*, which is not at work."""
    yield from check_shapes(run, meta)
    yield from _missing(run, meta.files, life)
    for path, file in meta.files.items():
        is_ours = stat.S_ISREG(file.mode) and is_known(own_name(path))
        if is_ours and file.mode & UNSEALED and not may_grow(path, life):
            yield fact(run, "warning", "writable", path, "should be read-only", mend(run))
        if path in _LOGS and is_ours and not (file.data or file.trouble or _grows_anew(life)):
            yield fact(run, "error", "damaged", path, "is empty", lost(run))
        if is_cut(path, file.data):
            yield fact(run, "warning", "cut", path, "ends in half a line", mend(run))


def check_shapes(run: Run, meta: MetaDir) -> Iterator[Finding]:
    """What is wrong with each fact by itself; it holds of a run at work, too."""
    for path, trouble in meta.unreadable:
        yield fact(run, "error", "unreadable", path, trouble, READER)
    for path in meta.folders:
        if not FOLDERS.fullmatch(path):
            if is_known(own_name(path)):
                yield fact(run, "error", "damaged", path, "is a directory, and no file", lost(run))
            else:
                yield fact(run, "note", "unknown", path, "gage makes no such directory")
    for path, file in meta.files.items():
        if not is_known(own_name(path)):
            if FOLDERS.fullmatch(path):
                trouble = "should be a directory"
                yield fact(run, "error", "damaged", path, trouble, lost(run))
            else:
                yield fact(run, "note", "unknown", path, "gage makes no such file")
        elif file.is_unreadable:
            yield fact(run, "error", "unreadable", path, file.trouble, READER)
        elif file.trouble:
            yield fact(run, "error", "damaged", path, file.trouble, lost(run))
    for path in _FROM_INIT:
        if path not in meta.files and path not in meta.folders:
            yield fact(run, "error", "missing", path, "is missing", lost(run))


def may_grow(path: str, life: Life) -> bool:
    """Whether the file may still be written to: it is sealed when the run is finalized."""
    if life.phase == "finished":
        return False
    if path.startswith("output/"):
        return _grows_anew(life) or path[7:9] in ("40", "50")
    return path == "manifest" or path.startswith("log/")


def fact(
    run: Run, severity: Severity, what: What, path: str, message: str, hint: str = ""
) -> Finding:
    """A finding about the file *path* of the meta dir of *run*."""
    return Finding(run.run_dir, severity, what, f"{run.name}.meta/{path}", message, hint)


def lost(run: Run) -> str:
    """What to do where evidence is lost."""
    return f"bring it back from a copy of the run, or gage runs rm {run}"


def mend(run: Run) -> str:
    """What to do where gage-fsck itself can mend it."""
    return f"gage-fsck --repair {run}"


def _missing(run: Run, facts: Facts, life: Life) -> Iterator[Finding]:
    needed: list[str] = []
    if life.phase != "pending":
        needed += _FROM_STAGE
        needed += _outputs_of_hooks(facts, life)
    if life.phase in ("started", "finished"):
        needed += _FROM_EXEC
    if life.phase == "finished":
        needed.append("stopped")
    for path in needed:
        if path not in facts:
            yield fact(run, "error", "missing", path, "is missing", lost(run))
    if life.phase == "started" and "stopped" in facts and "proc/lock" not in facts:
        yield fact(
            run,
            "error",
            "missing",
            "proc/exit",
            "is missing, and the run has stopped",
            f"log/runner tells the exit code: gage-finalize --exit-code N {run}",
        )
    for number in life.attempts:
        for name in _OF_AN_ATTEMPT:
            path = f"attempts/{number}/{name}"
            if path not in facts:
                yield fact(run, "error", "missing", path, "is missing", lost(run))


def _outputs_of_hooks(facts: Facts, life: Life) -> list[str]:
    opdef = definition_of(facts)
    hooks = phases(opdef) if opdef else {}
    names = [name for phase, name in _OUTPUTS.items() if phase in hooks]
    if life.phase != "finished":
        names = [name for name in names if name != _OUTPUTS["finalize"]]
    return [f"output/{name}{end}" for name in names for end in ("", ".index")]


def _grows_anew(life: Life) -> bool:
    """Whether a verb may have been killed that had begun a log, or the output of a hook."""
    return life.phase in ("pending", "reopening")
