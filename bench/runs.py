"""Listing many runs."""

import os
import shutil
from collections.abc import Iterator
from functools import partial

from bench.measure import NOTHING, Figure, cost, do, ratio
from bench.start import VERBS, command_of

PAIRS = 11


def figures(place: str) -> Iterator[Figure]:
    """The figures, measured in the empty directory *place*."""
    few = _home(place, 100)
    listing = partial(cost, ["gage", "runs", "--runs", few])
    listing()
    yield Figure("gage runs, 100 runs", ratio(listing, partial(cost, NOTHING), PAIRS), 10)

    many = _home(place, 10_000)
    all_of_them = ["gage-ls-runs", "--runs", many]
    yield Figure("gage-ls-runs, 10,000 runs, first", cost(all_of_them).cpu, 1.5, "s")
    yield Figure("gage-ls-runs, 10,000 runs, next", cost(all_of_them).cpu, 0.2, "s")
    some = cost([*all_of_them, "--filter", "x > 5000"])
    yield Figure("gage-ls-runs, 10,000 runs, filter", some.cpu, 0.3, "s")


def _home(place: str, count: int) -> str:
    """A runs home with *count* finished runs, each with a value of its own for ``x``."""
    home = os.path.join(place, f"runs{count}")
    model = os.path.join(home, "model")
    for verb in VERBS:
        do(*command_of(verb, model))
    for i in range(count):
        id = f"{i:032x}"
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
