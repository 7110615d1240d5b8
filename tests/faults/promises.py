"""What must hold of a runs home whatever happened to whoever worked in it.

Everything is asked of the files themselves, of what the commands left as evidence that they
ran, and of gage-status; not of the code that is under test.
"""

import hashlib
import json
import os
import re
import stat
from collections import Counter
from glob import glob

from gage.run import run_names
from tests.faults.bench import Bench
from tests.faults.scenarios import Scenario, is_untouched, statuses

_STAMPS = ("initialized", "staged", "started", "stopped")
_JSON = ("opdef.json", "config.json", "given.json", "proc/cmd.json", "proc/env.json")
_ALSO_JSON = ("dependencies.json", "summary.json")
LOST = "lost, and said to be"

_OURS = {".tmp", ".locks", ".trash", ".index", ".gitignore"}


def broken_promises(
    bench: Bench, scenario: Scenario | None = None, *, power: bool = False
) -> list[str]:
    """What is wrong in the runs home of *bench*, a line each; *scenario* says what may be.

    With *power* it was cut, and of a run that is not finalized yet output may be lost.
    """
    home = bench.path("runs")
    if not os.path.isdir(home):
        return [] if scenario is None or "absent" in scenario.allowed else ["the home is gone"]
    found = statuses(bench)
    trouble: list[str] = []
    if scenario:
        status = found.get(scenario.target, "absent")
        if status not in scenario.allowed:
            trouble.append(f"{scenario.target} is {status}")
    if not is_untouched(bench):
        trouble.append("what lies outside of the runs was changed")
    parent = bench.path("runs", "parent")
    if os.path.isdir(parent) and not os.path.islink(os.path.join(parent, "first")):
        trouble.append("the link of a step is gone")
    names = set(run_names(home))
    known = {name + end for name in names for end in ("", ".meta", ".user")} | _OURS
    # What is left of a run that is being deleted goes when the next one looks.
    known |= {
        end
        for place in glob(os.path.join(home, ".trash", "*.delete"))
        for name in run_names(place)
        for end in (name, f"{name}.user")
    }
    trouble += [f"litter: {name}" for name in os.listdir(home) if name not in known]
    for name in sorted(names):
        trouble += [
            f"{name} ({found[f'runs/{name}']}): {line}"
            for line in _broken(bench, os.path.join(home, name), found[f"runs/{name}"], power)
        ]
    return trouble


def essence(bench: Bench) -> dict[str, object]:
    """What the runs are, but for what two of them never share: IDs, times, attempts."""
    runs: dict[str, object] = {}
    ids = {_text(bench.path("runs", f"{name}.meta", "id")).strip() for name in _names(bench)}
    for run_dir, status in statuses(bench).items():
        run = bench.path(run_dir)
        opref = _text(f"{run}.meta/opref")
        here = run_dir if os.path.basename(run_dir) not in ids else f"a run of {opref}"
        facts = {
            name: _text(f"{run}.meta/{name}") for name in (*_JSON, "summary.json", "proc/exit")
        }
        # What a pipeline says depends on how often its steps were taken up.
        is_pipeline = "steps" in json.loads(_text(f"{run}.meta/opdef.json"))
        output = "" if is_pipeline else _text(f"{run}.meta/output/40_run")
        facts["output"] = sorted(output.splitlines())
        if " x " in _text(f"{run}.meta/output/40_run.index"):
            facts["output"] = LOST
        facts["manifest"] = sorted(_text(f"{run}.meta/manifest").splitlines())
        facts["files"] = _files(run)
        facts["status"] = status
        runs[here] = facts
    return runs


def is_end_lost(bench: Bench) -> bool:
    """Whether the command of ``runs/one`` came to its end in its first attempt, and the run
    is called terminated.
    """
    began, ended = _evidence(bench, _text(bench.path("runs", "one.meta", "id")).strip())
    return began == ended == 1 and statuses(bench).get("runs/one") == "terminated"


def _names(bench: Bench) -> list[str]:
    return run_names(bench.path("runs"))


def _broken(bench: Bench, run: str, status: str, power: bool) -> list[str]:
    meta = run + ".meta"
    trouble = _torn(meta)
    if trouble:
        return trouble
    if status in ("running", "unknown"):
        return [f"it is called {status}"]
    began, ended = _evidence(bench, _text(f"{meta}/id").strip())
    attempts = _attempts(meta)
    trouble += attempts[1]
    is_pipeline = "steps" in json.loads(_text(f"{meta}/opdef.json"))
    if status in ("pending", "staged") and began > attempts[0]:
        trouble.append("its command was run, and nothing says so")
    if began > attempts[0] + 1:
        trouble.append(f"its command was run {began} times in {attempts[0] + 1} attempts")
    if status == "staged":
        trouble += _wrong_files(run, "srd")
    exit = f"{meta}/proc/exit"
    if not power or os.path.exists(exit):
        trouble += _wrong_output(meta)
    for number in range(1, attempts[0] + 1):
        trouble += _wrong_output(f"{meta}/attempts/{number}")
    if os.path.exists(exit):
        code = _text(exit)
        # While it is being reopened, the attempt that is kept has all that tells of its end.
        kept = f"{meta}/attempts/{attempts[0]}"
        started = _text(f"{meta}/started")
        end = kept if attempts[0] and started in ("", _text(f"{kept}/started")) else meta
        for name in ("manifest", "started", "stopped"):
            if not os.path.exists(f"{end}/{name}"):
                trouble.append(f"it has an exit code, and not {name}")
        trouble += _wrong_files(run, "srdg") + _writable(run)
        if code == "0\n" and not is_pipeline and not began - attempts[2] <= ended > 0:
            trouble.append(f"it is completed, and its command was not: {began}, {ended}")
    if status == "completed" and not is_pipeline:
        output = _text(f"{meta}/output/40_run")
        lost = " x " in _text(f"{meta}/output/40_run.index")
        if began and not lost and "done\n" not in output:
            trouble.append(f"it is completed, and its output is cut: {output!r}")
        for name in ("out/copy.csv", "summary.json", "out/link") if began else ():
            if f" {name}\n" not in _text(f"{meta}/manifest"):
                trouble.append(f"it is completed, and its manifest lacks {name}")
    return trouble


def _torn(meta: str) -> list[str]:
    """Facts that must be there and are not, or that are not whole."""
    trouble = []
    for name in ("__schema__", "id", "opref", "opdef.json", "config.json", "initialized"):
        if not os.path.exists(f"{meta}/{name}"):
            trouble.append(f"{name} is missing")
    for name in (*_JSON, *_ALSO_JSON):
        try:
            json.loads(_text(f"{meta}/{name}") or ("{}" if name not in os.listdir(meta) else ""))
        except ValueError:
            trouble.append(f"{name} is torn")
    patterns = {"__schema__": "1\n", "id": "[0-9a-f]{32}\n", "opref": "2 .*\n"}
    patterns |= dict.fromkeys(_STAMPS, r"\d+\n")
    patterns |= {"proc/exit": r"-?\d+\n", "proc/lock": r"\d+", "manifest": r"([a-z] \S+ .+\n)*"}
    for name, pattern in patterns.items():
        if os.path.exists(f"{meta}/{name}") and not re.fullmatch(pattern, _text(f"{meta}/{name}")):
            trouble.append(f"{name} is torn: {_text(f'{meta}/{name}')!r}")
    stamps = [int(_text(f"{meta}/{name}") or 0) for name in _STAMPS[:2]]
    if not trouble and stamps[1] and stamps[0] > stamps[1]:
        trouble.append("it was staged before it was initialized")
    return trouble


def _attempts(meta: str) -> tuple[int, list[str], int]:
    """How many earlier attempts there were, what is wrong with them, and how many failed."""
    try:
        numbers = sorted(map(int, os.listdir(f"{meta}/attempts")))
    except FileNotFoundError:
        return 0, [], 0
    trouble = [] if numbers == list(range(1, len(numbers) + 1)) else [f"attempts {numbers}"]
    starts = Counter(_text(f"{meta}/attempts/{number}/started") for number in numbers)
    if starts and max(starts.values()) > 1:
        trouble.append("an attempt is kept twice")
    unended = 0
    for number in numbers:
        code = _text(f"{meta}/attempts/{number}/proc/exit")
        if not code:
            trouble.append(f"attempt {number} has no exit code")
        unended += code != "0\n"
    return len(numbers), trouble, unended


def _evidence(bench: Bench, id: str) -> tuple[int, int]:
    lines = _text(bench.evidence).splitlines()
    return lines.count(f"begin {id}"), lines.count(f"end {id}")


def _wrong_files(run: str, types: str) -> list[str]:
    trouble = []
    for line in _text(f"{run}.meta/manifest").splitlines():
        type, digest, path = line.split(" ", 2)
        if type in types and _digest(os.path.join(run, path)) != digest:
            trouble.append(f"{path} is not what the manifest says")
    return trouble


def _wrong_output(meta: str) -> list[str]:
    size = len(_text(f"{meta}/output/40_run").encode())
    lines = _text(f"{meta}/output/40_run.index").splitlines(keepends=True)
    records = [line.split() for line in lines if line.endswith("\n")]
    told = sum(int(length) for _, stream, length in records if stream != "x")
    return [f"the index tells of {told} bytes of {size}"] if told > size else []


def _writable(run: str) -> list[str]:
    trouble = []
    for top in (run, run + ".meta"):
        for folder, _, files in os.walk(top):
            for name in files:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                elsewhere = name == "shared" and status.st_nlink > 1
                if stat.S_ISREG(status.st_mode) and status.st_mode & 0o222 and not elsewhere:
                    trouble.append(f"{os.path.relpath(path, os.path.dirname(run))} can be written")
    return trouble


def _files(run: str) -> list[tuple[str, str]]:
    return sorted(
        (
            os.path.relpath(os.path.join(folder, name), run),
            stat.filemode(os.lstat(os.path.join(folder, name)).st_mode),
        )
        for folder, _, files in os.walk(run)
        for name in files
    )


def _digest(path: str) -> str:
    try:
        if os.path.islink(path):
            return "link:" + hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        return str(error)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""
