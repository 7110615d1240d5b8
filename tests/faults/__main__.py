"""The lab as a program: ``python -m tests.faults EXPERIMENT SCENARIO [--at N] [--again N]``.

Without words it makes every experiment with every scenario, at every call, on all cores, and
prints the figures; pipelines make so many calls that only killing strikes each of them. With
``--every N`` it takes another sample. What fails is named by the words that repeat it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.faults import lab
from tests.faults.bench import Bench
from tests.faults.experiments import (
    EXPERIMENTS,
    Figures,
    experiment,
    one,
    scenarios_of,
    stride_of,
)
from tests.faults.mutants import MUTANTS, caught
from tests.faults.scenarios import SCENARIOS

SHOWN = 6
"""Failed trials of one experiment that are told."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the experiments that *argv* names; 1 where a promise was broken."""
    p = argparse.ArgumentParser(prog="python -m tests.faults")
    p.add_argument("experiment", nargs="?", choices=EXPERIMENTS)
    p.add_argument("scenario", nargs="?", choices=SCENARIOS)
    p.add_argument("--mutants", metavar="WORD", nargs="?", const="", help="only mutants, by a word")
    p.add_argument("--at", type=int, help="strike this call alone")
    p.add_argument("--again", type=int, default=0, help="and this one while going on")
    p.add_argument("--every", type=int, metavar="N", help="strike every Nth call")
    args = p.parse_args(argv)
    if args.at:
        with Bench() as bench:
            at = lab.prepared(bench, args.scenario)
            trial = one(bench, at, args.experiment, args.at, args.again)
            print(bench.hit())
            print(*(trial.trouble if trial else ["there is no such call"]), sep="\n")
            return 1 if trial is None or trial.trouble else 0
    if args.mutants is not None:
        return _mutants(args.mutants)
    wanted = [
        (what, name)
        for what in ([args.experiment] if args.experiment else EXPERIMENTS)
        for name in scenarios_of(what)
        if name == (args.scenario or name)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        futures = [
            pool.submit(experiment, *words, args.every or stride_of(*words)) for words in wanted
        ]
        figures = []
        for future in futures:
            figures.append(future.result())
            _print(figures[-1])
    trials, failed = sum(f.trials for f in figures), sum(len(f.failed) for f in figures)
    print(f"{trials} trials, {failed} in which a promise was broken")
    return 1 if failed else 0


def _mutants(word: str) -> int:
    """Let the lab look at each mutant; 1 where it did not notice one."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    missed = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for mutant, by in zip(chosen, pool.map(caught, chosen), strict=True):
            print(f"{'caught' if by else 'MISSED':7} {mutant.name}: {by[:200]}", flush=True)
            missed += not by
    print(f"{len(chosen)} mutants, {len(chosen) - missed} caught")
    return 1 if missed else 0


def _print(figures: Figures) -> None:
    name = f"{figures.what} {figures.scenario}"
    failed = f"{len(figures.failed):3} failed" if figures.failed else ""
    print(f"{name:24} {figures.trials:6} trials  {figures.seconds:6.1f} s  {failed}".rstrip())
    for trial in figures.failed[:SHOWN]:
        print(f"  python -m tests.faults {trial.words}")
        for line in trial.trouble:
            print(f"    {line[:300]}")
    if len(figures.failed) > SHOWN:
        print(f"  and {len(figures.failed) - SHOWN} more")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
