"""The contract of a single run, as it was handed to us."""

import os

import pytest

from tests.place import SEEDS
from tests.seed import run_seed

SEED = os.path.join(SEEDS, "start-run.md")


@pytest.mark.skipif(not os.path.exists(SEED), reason=f"the seeds are not beside us: {SEED}")
def test_the_seed_start_run_holds_word_for_word(tmp_path):
    with open(SEED, encoding="utf-8") as file:
        assert run_seed(file.read(), SEED, str(tmp_path)) == 36
