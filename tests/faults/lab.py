"""The experiments: a verb is struck at one call after another, and what is left is judged.

Each trial begins from a copy of the same state. After the fault every promise must hold, and
whoever goes on as a user would must come to the end that a run without faults has.
"""

import errno
import os
from typing import NamedTuple

from tests.faults.bench import Answer, Bench
from tests.faults.promises import LOST, broken_promises, essence, is_end_lost
from tests.faults.scenarios import SCENARIOS, Scenario, StuckError, make_slow, statuses
from tests.faults.shim import CHANGES, FAIL, KILL, KINDS, SHORT, STOP, Fault
from tests.programs import read, wait_until

_STEPS = 12
_CALLS = 1000
_FILLING = KINDS["create"] | KINDS["write"] | KINDS["mkdir"] | KINDS["link"]
_OPENING = KINDS["open"] | KINDS["create"] | KINDS["reopen"]
_CHANGING = CHANGES - KINDS["process"]

ERRORS = {
    "EIO": Fault(FAIL, 0, _CHANGING | KINDS["open"], errno.EIO),
    "EIO-on": Fault(FAIL, 0, _CHANGING | KINDS["open"], errno.EIO, sticky=True),
    "ENOSPC": Fault(FAIL, 0, _FILLING | KINDS["rename"] | KINDS["sync"], errno.ENOSPC),
    "ENOSPC-on": Fault(FAIL, 0, _FILLING, errno.ENOSPC, sticky=True),
    "EDQUOT": Fault(FAIL, 0, _FILLING | KINDS["rename"], errno.EDQUOT),
    "EDQUOT-on": Fault(FAIL, 0, _FILLING, errno.EDQUOT, sticky=True),
    "EMFILE": Fault(FAIL, 0, _OPENING, errno.EMFILE),
    "EMFILE-on": Fault(FAIL, 0, _OPENING, errno.EMFILE, sticky=True),
    "EROFS-on": Fault(FAIL, 0, _CHANGING, errno.EROFS, sticky=True),
    "short": Fault(SHORT, 0, KINDS["write"] | KINDS["rewrite"]),
    "short-on": Fault(SHORT, 0, KINDS["write"] | KINDS["rewrite"], sticky=True),
}
"""Each error, once at a call or (``-on``) from that call on."""


class NotWellError(Exception):
    """A verb does not do well though nothing struck it."""


class Trial(NamedTuple):
    """One trial: the command line words that repeat it, and what was wrong."""

    words: str
    trouble: list[str]


class Prepared(NamedTuple):
    """A scenario on a bench: the state that it begins from, and how it ends without faults."""

    scenario: Scenario
    template: str
    expected: dict[str, object]


def prepared(bench: Bench, name: str) -> Prepared:
    """Make the state that the scenario begins from, and see it end well without a fault.

    Raises NotWellError where it does not.
    """
    scenario = SCENARIOS[name]
    scenario.prepare(bench)
    template = bench.keep()
    bench.reset(template)
    at = Prepared(scenario, template, {})
    answer = bench.run(scenario.argv, count=False)
    trouble = _gone_on(bench, at)
    trouble += broken_promises(bench)
    if answer.code != 0 or trouble:
        raise NotWellError(f"{name} says {answer.code}: {answer.err} {trouble}")
    return at._replace(expected=essence(bench))


def calls(bench: Bench, at: Prepared, kinds: int = CHANGES) -> int:
    """How many calls of these kinds the verb makes."""
    bench.reset(at.template)
    bench.run(at.scenario.argv, Fault(0, 0, kinds))
    return bench.control.count()


def kill(bench: Bench, at: Prepared, number: int, again: int = 0) -> Trial | None:
    """Kill the verb before its call *number*, and what goes on before its call *again*.

    None where there are not so many calls.
    """
    bench.reset(at.template)
    answer = bench.run(at.scenario.argv, Fault(KILL, number))
    if not bench.hit().hits:
        return None
    trouble = [f"alive after it was killed: {command}" for command in answer.left]
    trouble += [f"when killed: {line}" for line in broken_promises(bench, at.scenario)]
    if again and not trouble and (argv := next_command(bench, at)):
        bench.run(argv, Fault(KILL, again))
        trouble += [f"when killed again: {line}" for line in broken_promises(bench)]
    return Trial(_words("kill", at, number, again), trouble + judged(bench, at))


def fail(bench: Bench, at: Prepared, error: str, number: int) -> Trial | None:
    """Let the call *number* of those that *error* may befall fail."""
    bench.reset(at.template)
    answer = bench.run(at.scenario.argv, ERRORS[error]._replace(at=number))
    hit = bench.hit()
    if not hit.hits:
        return None
    trouble = _misbehaved(answer)
    if hit.kind == "sync" and answer.code == 0 and not answer.err:
        trouble.append("what could not be synced was called done")
    trouble += [f"after {error}: {line}" for line in broken_promises(bench)]
    if error in ("ENOSPC-on", "EDQUOT-on") and is_end_lost(bench):
        trouble.append("the disk was full, and how the command ended is lost")
    if (
        answer.code == 0
        and not trouble
        # The code is the command's where it is said that no more than the end was not kept.
        and "not finalized" not in answer.err
        and (argv := next_command(bench, at))
        and argv == at.scenario.argv
    ):
        trouble.append("it said that it was done, and was not")
    return Trial(_words(error, at, number), trouble + judged(bench, at))


def meet(bench: Bench, at: Prepared, number: int) -> Trial | None:
    """Stop the verb at its call *number*, let a second try the same, and let both go on."""
    bench.reset(at.template)
    first = bench.run(at.scenario.argv, Fault(STOP, number), stops=True)
    if not bench.hit().hits:
        return None
    trouble: list[str] = []
    bench.control.disarm()
    held = _is_held(bench, at.scenario)
    second = bench.run(at.scenario.argv, count=False, alone=True)
    # What would make a new run finds that there is one, held or not.
    if held and second.code != 11 and at.scenario.argv[0] != "gage":
        trouble.append(f"the run is held, and a second {at.scenario.name} says {second.code}")
    if first.code is None:
        first = bench.go_on(first)
    trouble += _misbehaved(first) + _misbehaved(second)
    trouble += [f"of two at once: {line}" for line in broken_promises(bench)]
    return Trial(_words("meet", at, number), trouble + judged(bench, at))


def orphan(bench: Bench, at: Prepared, number: int) -> Trial | None:
    """Kill the runner while its command runs: there is one such trial.

    The command must die with it; what the command started holds the run, and nobody may
    finalize it meanwhile.
    """
    if number > 1:
        return None
    for call in range(1, _CALLS):
        bench.reset(at.template)
        make_slow(bench)
        # What runner and child do at the same time has no number.
        fault = Fault(STOP, call, _CHANGING)
        first = bench.run(at.scenario.argv, fault, stops=True, alone=True)
        hit = bench.hit()
        if hit.kind == "write" and hit.path.endswith("log/runner"):
            break  # it logs that the command was started
        bench.kill(first)
        bench.end_all()
    bench.control.disarm()
    wait_until(lambda: read(bench.path("slow")) == "began\n")
    bench.kill(first)
    trouble = [] if bench.ends("/bin/sh -c sh train.sh") else ["the command outlived its runner"]
    if (status := statuses(bench)[at.scenario.target]) != "terminated":
        trouble.append(f"it is {status}")
    second = bench.run(["gage-finalize", at.scenario.target], count=False, alone=True)
    if second.code != 11:
        trouble.append(f"while something of it lives, gage-finalize says {second.code}")
    bench.end_all()
    os.unlink(bench.path("slow"))
    return Trial(_words("orphan", at, number), trouble + _misbehaved(second) + judged(bench, at))


def look(bench: Bench, at: Prepared, number: int) -> Trial | None:
    """Stop gage-status before it opens its file *number*, and let the verb end meanwhile."""
    bench.reset(at.template)
    argv = ["gage-status", at.scenario.target]
    before = statuses(bench)[at.scenario.target]
    reader = bench.run(argv, Fault(STOP, number, KINDS["open"]), stops=True)
    if not bench.hit().hits:
        return None
    bench.control.disarm()
    bench.run(at.scenario.argv, count=False, alone=True)
    after = statuses(bench)[at.scenario.target]
    word = bench.go_on(reader).out.strip()
    trouble = [] if word in (before, after) else [f"from {before} to {after} it was {word}"]
    return Trial(_words("look", at, number), trouble)


def judged(bench: Bench, at: Prepared) -> list[str]:
    """What is wrong with the end, when a user has gone on from here."""
    trouble = _gone_on(bench, at)
    trouble += [f"in the end: {line}" for line in broken_promises(bench)]
    if not trouble and (differences := _different(essence(bench), at.expected)):
        trouble += [f"the end is another: {line}" for line in differences]
    return trouble


def _gone_on(bench: Bench, at: Prepared) -> list[str]:
    """Go on as a user would, until nothing is left to do."""
    for _ in range(_STEPS):
        try:
            argv = next_command(bench, at)
        except StuckError as error:
            return [str(error)]
        if argv is None:
            return []
        answer = bench.run(argv, count=False)
        if answer.left or answer.hung or answer.code in (3, 11, 12, 20, 125) or answer.code is None:
            return [f"{' '.join(argv)} says {answer.code}: {answer.err.strip()} {answer.left}"]
    return [f"there is no end of it: {' '.join(argv or [])}: {answer.code} {answer.err}"]


def next_command(bench: Bench, at: Prepared) -> list[str] | None:
    """What a user does now; None where nothing is left to do."""
    return at.scenario.next_command(bench, statuses(bench))


def _misbehaved(answer: Answer) -> list[str]:
    trouble = ["it hung"] if answer.hung else []
    if "Traceback" in answer.err or answer.code == 3:
        trouble.append(f"it says {answer.code}: {answer.err}")
    if answer.code is None or answer.code < 0:
        trouble.append(f"it ended with {answer.code}")
    if answer.code and not answer.err.strip():
        trouble.append(f"it ended with {answer.code}, and said nothing")
    return trouble + [f"it left {command}" for command in answer.left]


def _is_held(bench: Bench, scenario: Scenario) -> bool:
    from gage.locks import is_held
    from gage.run import Run

    return is_held(Run(bench.path(scenario.target), "", None), "runner")


def _different(found: dict[str, object], expected: dict[str, object]) -> list[str]:
    if found == expected:
        return []
    lines = [f"{run}: missing" for run in expected.keys() - found.keys()]
    lines += [f"{run}: too many" for run in found.keys() - expected.keys()]
    for run in found.keys() & expected.keys():
        ours, theirs = found[run], expected[run]
        assert isinstance(ours, dict) and isinstance(theirs, dict)
        lines += [
            f"{run}: {name}: {ours[name]!r}, not {theirs[name]!r}"
            for name in ours
            if ours[name] not in (theirs[name], LOST)
        ]
    return lines


def _words(what: str, at: Prepared, number: int, again: int = 0) -> str:
    return f"{what} {at.scenario.name} --at {number}" + (f" --again {again}" if again else "")
