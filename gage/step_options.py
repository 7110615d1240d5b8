"""How the steps of a pipeline are to be run, this once.

Whoever executes a pipeline says it in the variable ``GAGE_STEPS``, since the command of a
pipeline is a fact and no option of a restart may stick to the next.
"""

from typing import NamedTuple

VARIABLE = "GAGE_STEPS"


class StepOptions(NamedTuple):
    """The options of gage-run-steps. *jobs* is None for as many as Make allows."""

    needed: bool = False
    clean: bool = False
    force_sourcecode: bool = False
    jobs: int | None = None


AS_USUAL = StepOptions()


def format_options(options: StepOptions) -> str:
    """The words that gage-run-steps reads back as *options*."""
    words = {
        "--needed": options.needed,
        "--clean": options.clean,
        "--force-sourcecode": options.force_sourcecode,
    }
    said = [word for word, holds in words.items() if holds]
    return " ".join([*said, *([f"--jobs={options.jobs}"] if options.jobs else [])])
