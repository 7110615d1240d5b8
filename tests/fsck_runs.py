"""Runs for the tests of what is wrong with runs: made by the verbs, as users make them."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from gage.claims import check_run
from gage.finding import Finding
from gage.run import open_run
from tests.place import environment
from tests.programs import program, write
from tests.test_damage import damaged

OPERATION = {
    "exec": {
        "run": "cat late; echo loss 1; ln -sf made link; mkdir -p sub; echo x | tee made >sub/y",
        "stage-runtime": "echo hook; echo 1 > runtime",
        "finalize": "echo end",
    },
    "flags": {"lr": 0.1},
    "env": {"A": "1"},
    "config": "a.json",
    "depends": [{"files": "d"}],
    "metrics": {"loss": "loss (.)"},
}

LINKS = {"a link": "", "a link to nothing": "/nowhere/at/all"}


def write_project(place: str) -> None:
    """The project of whole_run, in the directory ``project``."""
    write(f"{place}/project/gage.json", json.dumps({"op": OPERATION}))
    write(f"{place}/project/a.json", '{"x": 1}')
    write(f"{place}/project/d", "d")
    write(f"{place}/project/late", "late\n")


def whole_run(place: str) -> str:
    """A finished run with every fact that a run may have; returns its run dir."""
    write_project(place)
    run = f"{place}/runs/one"
    done("gage-init", f"{place}/runs/parent", "--", "true")
    words = ("-C", f"{place}/project", "op", "x=2", "lr=0.5", "-l", "label", "-t", "tag")
    done("gage-init", run, *words, "--parent", f"{place}/runs/parent")
    for verb in ("gage-stage", "gage-reopen"):
        done(verb, run)
        done("gage-exec", "-q", run)
        done("gage-finalize", run)
    return run


def done(*argv: str, code: int = 0, cwd: str | None = None, nobody: bool = False) -> str:
    """What a program printed that must exit with *code*."""
    # What is made once for many tests is made before there is an environment for one.
    told = program(*argv, cwd=cwd, nobody=nobody, env={"PATH": environment("")["PATH"]})
    assert told.code == code, (argv, told)
    return told.out


def findings(run_dir: str) -> list[Finding]:
    """What a check has to say of the run at *run_dir*."""
    return check_run(open_run(run_dir, sync="none"))


def said(run_dir: str) -> list[str]:
    """The same in short: severity, what and path."""
    name = os.path.basename(run_dir)
    return [
        f"{f.severity} {f.what} {f.path.removeprefix(name).removeprefix('/')}".rstrip()
        for f in findings(run_dir)
    ]


@contextmanager
def hurt(path: str, damage: str, aside: str) -> Iterator[None]:
    """Let the file at *path* be damaged for a ``with`` block, while it lies at *aside*.

    It is a link to what it was, or to nothing, or as tests/test_damage.py tells.
    """
    os.rename(path, aside)
    try:
        if damage in LINKS:
            os.symlink(LINKS[damage] or aside, path)
        else:
            shutil.copy2(aside, path)
            damaged(path, damage)
            if os.path.isfile(path):
                os.chmod(path, 0o444)
        yield
    finally:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.rename(aside, path)


def copied(run: str, to: str) -> str:
    """A copy of the run, of all its files as they are, in the directory *to*."""
    os.makedirs(to, exist_ok=True)
    target = os.path.join(to, os.path.basename(run))
    for end in ("", ".meta"):
        shutil.copytree(run + end, target + end, symlinks=True)
    return target


def replaced(run: str, fact: str, text: str, mode: int = 0o444) -> None:
    """Replace a fact of the run, or make it."""
    target = os.path.join(run + ".meta", fact)
    if os.path.lexists(target):
        os.unlink(target)
    write(target, text, mode)
