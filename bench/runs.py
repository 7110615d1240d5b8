"""Listing many runs."""

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench.measure import NOTHING, Figure, cost, do, ratio
from bench.start import VERBS, command_of
from gage.listing import SETTLED_SECONDS

PAIRS = 11


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    few = ["gage", "runs", "--runs", _home(place, 100)]
    do(*few)
    yield Figure(
        "gage runs, 100 runs", ratio(partial(cost, few), partial(cost, NOTHING), PAIRS), 10
    )

    many = ["gage", "runs", "--runs", _home(place, 10_000)]
    # What changed a moment ago might change again unseen, so the index does not take it in.
    time.sleep(SETTLED_SECONDS + 1)
    yield Figure("gage runs, 10,000 runs, first", cost(many).cpu, 1.5, "s")
    yield Figure("gage runs, 10,000 runs, next", _median_cpu(many), 0.2, "s")
    yield Figure(
        "gage runs, 10,000 runs, filter", _median_cpu([*many, "-Fe", "x > 5000"]), 0.3, "s"
    )


def _median_cpu(command: list[str]) -> float:
    return median(cost(command).cpu for _ in range(PAIRS))


def _home(place: str, count: int) -> str:
    """A runs home with *count* finished runs, each with a value of its own for ``x``."""
    home = os.path.join(place, f"runs{count}")
    model = os.path.join(home, "model")
    for verb in VERBS[:-1]:
        do(*command_of(verb, model))
    for i in range(count):
        id = os.urandom(16).hex()
        meta = os.path.join(home, f"{id}.meta")
        shutil.copytree(f"{model}.meta", meta)
        os.mkdir(os.path.join(home, id))
        _rewrite(os.path.join(meta, "id"), id + "\n")
        _rewrite(os.path.join(meta, "config.json"), f'{{"x": {i}}}\n')
    for path in (model, f"{model}.meta"):
        shutil.rmtree(path)
    return home


def _rewrite(path: str, text: str) -> None:
    os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o444)
