"""Protections taken away one at a time: the lab must notice each, or it proves nothing.

A mutant is a copy of the package in which one text is replaced by another; that the text is
there, once, is checked, so that no mutant is the package itself.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.faults import lab
from tests.faults.bench import Bench
from tests.faults.experiments import every
from tests.place import ROOT


class Mutant(NamedTuple):
    """What is missing from *file*, and the experiment and the scenario that must notice."""

    name: str
    file: str
    text: str
    instead: str
    experiment: str
    scenario: str


MUTANTS = (
    Mutant(
        "a fact is not synced",
        "durable.py",
        '    if sync != "none":\n        os.fsync(fd)\n',
        "    pass\n",
        *("data-lost", "stage"),
    ),
    Mutant(
        "no directory is synced",
        "durable.py",
        "        _sync(path, os.O_DIRECTORY)\n",
        "        pass\n",
        *("reordered", "finalize"),
    ),
    Mutant(
        "facts are written in place",
        "durable.py",
        "        temporary, fd = _begun(tmp, mode)\n",
        "        unlink(path)\n        temporary, fd = path, os.open(path, _CREATE, mode)\n",
        *("kill", "stage"),
    ),
    Mutant(
        "what could not be synced is called done",
        "durable.py",
        '    if sync != "none":\n        os.fsync(fd)\n',
        '    if sync != "none":\n'
        "        with contextlib.suppress(OSError):\n            os.fsync(fd)\n",
        *("EIO", "stage"),
    ),
    Mutant(
        "a short write is believed",
        "durable.py",
        "    while view:\n        view = view[os.write(fd, view) :]",
        "    os.write(fd, view)",
        *("short", "init"),
    ),
    Mutant(
        "the meta dir is built in its place",
        "beginning.py",
        "    new = os.path.join(tmp, os.urandom(12).hex())",
        "    new = run.meta_dir",
        *("kill", "init"),
    ),
    Mutant(
        "the name of a new runs home is not synced",
        "beginning.py",
        "    sync_home(run.home, run.sync)\n",
        "",
        *("names-lost", "init"),
    ),
    Mutant(
        "the name of a new run is not synced",
        "beginning.py",
        "    sync_dir(run.home, run.sync)\n",
        "",
        *("names-lost", "init"),
    ),
    Mutant(
        "the directories of a new run are not synced",
        "beginning.py",
        "        sync_dir(directory, sync)\n",
        "        pass\n",
        *("reordered", "init"),
    ),
    Mutant(
        "the name of the run dir is not synced",
        "staging.py",
        "    sync_dir(run.home, run.sync)  # the run dir has a name there\n",
        "",
        *("names-lost", "run-one"),
    ),
    Mutant(
        "the log of files is not synced",
        "staging.py",
        "    sync_logs(run)  # what entered as what is told there alone\n",
        "",
        *("data-lost", "run-one"),
    ),
    Mutant(
        "staged comes before the manifest",
        "staging.py",
        '    put(\n        tmp_dir(run),\n        run_meta_path(run, "manifest"),',
        '    put_stamp(run, "staged", staging.now)\n'
        '    put(\n        tmp_dir(run),\n        run_meta_path(run, "manifest"),',
        *("kill", "stage"),
    ),
    Mutant(
        "what a killed staging left is kept",
        "staging.py",
        "    if os.path.lexists(run.run_dir):\n        left =",
        "    if os.path.lexists(run.run_dir):\n        return\n        left =",
        *("kill", "stage"),
    ),
    Mutant(
        "what is reopened is written without a sync",
        "staging.py",
        '"none" if staging.anew else run.sync',
        '"none"',
        *("data-lost", "reopen"),
    ),
    Mutant(
        "files are sealed and not synced",
        "sealing.py",
        '        each = sync == "all" or (sync == "commit" and few)',
        '        each, sync = False, "none"',
        *("data-lost", "stage"),
    ),
    Mutant(
        "logs and output are sealed and not synced",
        "sealing.py",
        '                    if sync != "none":\n                        os.fsync(fd)\n'
        "                    _make_read_only",
        "                    _make_read_only",
        *("data-lost", "run-one"),
    ),
    Mutant(
        "a mode is changed through a link",
        "sealing.py",
        '        files = [found for found in contents.files if found.kind == "file"]\n'
        "        outcomes = {",
        "        for found in contents.files:\n"
        '            if found.kind == "link":\n'
        "                with suppress(OSError):\n"
        "                    os.chmod(os.path.join(run_dir, found.path), 0o444)\n"
        '        files = [found for found in contents.files if found.kind == "file"]\n'
        "        outcomes = {",
        *("kill", "finalize"),
    ),
    Mutant(
        "the mode of a file that has other links is changed",
        "sealing.py",
        "    if status.st_nlink > 1 and not linked:\n",
        "    if False:\n",
        *("kill", "finalize"),
    ),
    Mutant(
        "a lock is not taken",
        "locks.py",
        "        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(0, 1 if finishing else _TO_THE_END))",
        "        pass",
        *("meet", "exec"),
    ),
    Mutant(
        "the lock of the tree is not inherited",
        "process.py",
        "        if lock >= 0:\n            _keep_open(lock)\n",
        "",
        *("orphan", "exec"),
    ),
    Mutant(
        "what a command left behind is not looked for",
        "process_tree.py",
        "    if is_left_over(run):\n",
        "    if False:\n",
        *("orphan", "exec"),
    ),
    Mutant(
        "the command outlives its runner",
        "process.py",
        "        process_tree.die_with_parent()\n",
        "",
        *("orphan", "exec"),
    ),
    Mutant(
        "started comes after the command",
        "plumbing/exec.py",
        '            put_stamp(run, "started", now)\n'
        "            child = _start(run, argv, env, tree_lock, terminal)\n",
        # What is wrong shows when the command has come to run.
        "            child = _start(run, argv, env, tree_lock, terminal)\n"
        '            __import__("time").sleep(0.2)\n'
        '            put_stamp(run, "started", now)\n',
        *("kill", "exec"),
    ),
    Mutant(
        "the index leads the output",
        "output.py",
        "        written = self._append(data) if len(self._pending) < _PENDING else 0\n",
        "        self._pending += format_record(Record(time, stream, len(data)))\n"
        "        self._write_index()\n"
        "        self._append(data)\n"
        "        return\n"
        "        written = 0\n",
        *("kill", "exec"),
    ),
    Mutant(
        "the room for the note of the end is not taken before",
        "exit_note.py",
        '    put(tmp_dir(run), _reserved(run), b" " * _ROOM, mode=0o600, sync="none")\n',
        "",
        *("ENOSPC-on", "exec"),
    ),
    Mutant(
        "the note of another boot counts",
        "status.py",
        "        return int(code) if boot == boot_id() else None",
        "        return int(code)",
        *("data-lost", "exec"),
    ),
    Mutant(
        "proc/exit is not looked at again",
        "status.py",
        '        return _finished(run) or "terminated"',
        '        return "terminated"',
        *("look", "finalize"),
    ),
    Mutant(
        "proc/exit comes before the manifest",
        "plumbing/finalize.py",
        "    _record_files(run, staged, sealed.files, changes)\n",
        '    put_fact(run, "proc", "exit", text=str(code))\n'
        "    _record_files(run, staged, sealed.files, changes)\n",
        *("kill", "finalize"),
    ),
    Mutant(
        "what cannot be read now is left out of the manifest",
        "dirs.py",
        "    return error.errno in _PASSING",
        "    return False",
        *("EMFILE", "finalize"),
    ),
    Mutant(
        "proc/exit goes first when a run is reopened",
        "attempts.py",
        '    for name in ("staged", "stopped", "started", "proc/lock"):',
        '    for name in ("proc/exit", "staged", "stopped", "started", "proc/lock"):',
        *("kill", "reopen"),
    ),
    Mutant(
        "an attempt is kept again",
        "attempts.py",
        "    if numbers and started in (None,",
        "    if False and started in (None,",
        *("kill", "reopen"),
    ),
    Mutant(
        "a killed reopening forgets to forget",
        "plumbing/reopen.py",
        "            forget_ended(run)  # what a reopening that was stopped has left of it\n",
        "            pass\n",
        *("kill", "reopen"),
    ),
    Mutant(
        "what is staged anew keeps its manifest",
        "plumbing/reopen.py",
        '            remove_fact(run, "manifest")\n',
        "            pass\n",
        *("kill", "reopen-anew"),
    ),
    Mutant(
        "what a stopped staging anew copied stays",
        "plumbing/reopen.py",
        "            _remove_left_over(run)\n",
        "            pass\n",
        *("kill", "reopen-anew"),
    ),
    Mutant(
        "a link of a step is taken away before it is made anew",
        "pipeline.py",
        "    make_link(target, temporary, path)\n    os.rename(temporary, path)\n",
        "    os.path.lexists(path) and os.unlink(path)\n    os.symlink(target, path)\n",
        *("kill", "link-steps"),
    ),
)


@contextmanager
def mutated(mutant: Mutant) -> Iterator[str]:
    """A tree with the package as *mutant* has it, for a ``with`` block."""
    with tempfile.TemporaryDirectory(prefix="gage-mutant-") as tree:
        package = os.path.join(tree, "gage")
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(os.path.join(ROOT, "gage"), package, ignore=ignore)
        path = os.path.join(package, mutant.file)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert text.count(mutant.text) == 1, f"{mutant.name}: not in {mutant.file}, or twice"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(mutant.text, mutant.instead))
        yield tree


def caught(mutant: Mutant) -> str:
    """By which trial the lab noticed *mutant*; empty where it did not."""
    with mutated(mutant) as tree, Bench(gage=tree) as bench:
        try:
            at = lab.prepared(bench, mutant.scenario)
        except lab.NotWellError as error:
            return f"without a fault: {error}"
        for trial in every(bench, at, mutant.experiment):
            if trial.trouble:
                return f"{trial.words}: {trial.trouble[0]}"
    return ""
