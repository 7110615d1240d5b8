"""How steps are to be run this once, as the words that gage-run-steps reads back."""

from itertools import product

import pytest

from gage.plumbing.run_steps import parser
from gage.step_options import StepOptions, format_options


@pytest.mark.parametrize("flags", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("jobs", [None, 1, 7])
def test_what_is_said_is_read_back_as_it_was_meant(flags, jobs):
    options = StepOptions(*flags, jobs)
    args = parser().parse_args([*format_options(options).split(), "parent"])
    read = StepOptions(args.needed, args.clean, args.force_sourcecode, args.jobs)
    assert read == options


def test_nothing_is_said_where_all_is_as_usual():
    assert format_options(StepOptions()) == ""
