"""The map of the house tells the truth: every room is on it, and none that is not there."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def test_every_noun_is_on_the_map():
    with open(os.path.join(ROOT, "ARCHITECTURE.md"), encoding="utf-8") as file:
        table = [line for line in file if line.startswith("| ")]
    named = set(re.findall(r"`([a-z_]+)`", "".join(table)))
    nouns = {
        name.removesuffix(".py")
        for name in os.listdir(os.path.join(ROOT, "gage"))
        if name.endswith(".py") and name not in ("__init__.py", "cli.py", "errors.py")
    }
    assert nouns - named == set()
    assert {name for name in named if "_" in name} - nouns == set()
