"""A power cut: what was not synced is gone, all of it or, as luck will have it, some.

The preloaded library keeps a copy of each file and of the names in each directory as they
were when they were last synced, under the number and time of birth of their inode. Of these
and of what is there now a place is made anew, as a disk might have it after the cut:

* ``data-lost``: every name is there, and of each file what was synced of it;
* ``names-lost``: of each directory the names that were synced, and all data;
* ``all-lost``: of both what was synced;
* ``reordered``: each name and each file's data by itself lost or not, at random.

A mode is what it is now: file systems keep it as they keep names, in order.
"""

import os
import random
import shutil
from collections.abc import Callable
from typing import NamedTuple

from tests.faults import lab
from tests.faults.bench import Bench
from tests.faults.promises import broken_promises
from tests.faults.shim import DIE, Fault

LOSSES = ("data-lost", "names-lost", "all-lost", "reordered")


class _Name(NamedTuple):
    name: str
    key: str
    target: str


def cut(bench: Bench, at: lab.Prepared, loss: str, number: int) -> lab.Trial | None:
    """Cut the power before the call *number* of the verb; None where there are not so many."""
    bench.reset(at.template)
    os.mkdir(bench.mirror)
    _keep_all(bench)
    announced = _announced(bench)
    answer = bench.run(at.scenario.argv, Fault(DIE, number), patience=0)
    hits, count = bench.hit().hits, bench.control.count()
    if not hits and number > count + 1:
        return None  # one more trial than there are calls: the power is cut when all is done
    announced |= set(answer.out.split()) if at.scenario.name == "init" else set()
    lose(bench, loss, random.Random(f"{at.scenario.name} {number}"))
    bench.reboot()
    trouble = [f"{run} was announced, and is gone" for run in announced - _announced(bench)]
    # Of exec nothing is promised yet: what it noted counts in this boot alone.
    done = not hits and answer.code == 0 and at.scenario.name != "exec"
    if done and (left := lab.next_command(bench, at)):
        trouble.append(f"it was done, and is not after the cut: {' '.join(left)}")
    trouble += [f"after {loss}: {line}" for line in broken_promises(bench, power=True)]
    return lab.Trial(f"{loss} {at.scenario.name} --at {number}", trouble + lab.judged(bench, at))


def lose(bench: Bench, loss: str, chance: random.Random) -> None:
    """Let the root of *bench* be what a power cut might leave of it."""
    now, after = bench.root + ".now", bench.root
    os.rename(bench.root, now)
    inodes: dict[str, str] = {}
    for folder, folders, files in os.walk(now):
        for name in (".", *folders, *files):
            path = os.path.normpath(os.path.join(folder, name))
            inodes[bench.key(path)] = path

    def is_lost(what: str) -> bool:
        return (
            chance.random() < 0.5 if loss == "reordered" else loss in ("all-lost", f"{what}-lost")
        )

    made: dict[str, str] = {}
    _remake(bench, after, bench.key(now), inodes, is_lost, made)
    shutil.rmtree(now)


def _remake(
    bench: Bench,
    path: str,
    key: str,
    inodes: dict[str, str],
    is_lost: Callable[[str], bool],
    made: dict[str, str],
) -> None:
    os.mkdir(path, 0o700)
    synced = {name.name: name for name in _kept_names(os.path.join(bench.mirror, key))}
    now = {name.name: name for name in _names(bench, inodes[key])} if key in inodes else synced
    for name in synced.keys() | now.keys():
        found = synced.get(name), now.get(name)
        # What did not change cannot be lost.
        chosen = found[0] if found[0] == found[1] or is_lost("names") else found[1]
        if chosen is None:
            continue
        to = os.path.join(path, name)
        if chosen.key.startswith("d"):
            _remake(bench, to, chosen.key, inodes, is_lost, made)
        elif chosen.key.startswith("l"):
            os.symlink(chosen.target, to)
        elif chosen.key in made:
            os.link(made[chosen.key], to)
        else:
            made[chosen.key] = to
            kept = os.path.join(bench.mirror, chosen.key)
            _remake_file(to, inodes.get(chosen.key), kept, is_lost("data"))


def _remake_file(to: str, there: str | None, kept: str, lost: bool) -> None:
    synced = kept if os.path.exists(kept) else None
    source = synced if lost or there is None else there
    with open(to, "wb"):
        pass
    if source:
        shutil.copy2(source, to)
    if there:
        os.chmod(to, os.stat(there).st_mode)


def _keep_all(bench: Bench) -> None:
    """Let everything in the place be durable, as the preloaded library would have it."""
    for folder, _, files in os.walk(bench.root):
        records = "".join("\0".join(name) + "\0" for name in _names(bench, folder))
        with open(os.path.join(bench.mirror, bench.key(folder)), "wb") as file:
            file.write(os.fsencode(records))
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                shutil.copy2(path, os.path.join(bench.mirror, bench.key(path)))


def _names(bench: Bench, folder: str) -> list[_Name]:
    found = []
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        target = os.readlink(path) if os.path.islink(path) else ""
        found.append(_Name(name, bench.key(path), target))
    return found


def _kept_names(kept: str) -> list[_Name]:
    try:
        with open(kept, "rb") as file:
            words = os.fsdecode(file.read()).split("\0")[:-1]
    except FileNotFoundError:
        return []
    return [_Name(*words[i : i + 3]) for i in range(0, len(words), 3)]


def _announced(bench: Bench) -> set[str]:
    home = bench.path("runs")
    names = os.listdir(home) if os.path.isdir(home) else []
    return {f"runs/{name.removesuffix('.meta')}" for name in names if name.endswith(".meta")}
