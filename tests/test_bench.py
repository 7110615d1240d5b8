"""The harness of the figures: it must see what fails, and what is over its limit."""

from importlib import import_module

import pytest

from bench.__main__ import ROOMS, main
from bench.measure import Cost, Figure, MeasureError, compare, cost, line


def test_a_command_that_fails_is_no_measurement():
    with pytest.raises(MeasureError, match=r"sh -c echo no >&2; exit 3: exit 3\nno"):
        cost(["sh", "-c", "echo no >&2; exit 3"])


def test_the_cost_of_children_is_counted():
    busy = "x = 0\nfor i in range(300_000): x += i"
    assert cost(["sh", "-c", f"python -c '{busy}'; true"]).cpu > cost(["true"]).cpu


def test_costs_are_taken_in_turn_and_the_median_counts():
    order = []

    def trial(name, costs):
        def run():
            order.append(name)
            return Cost(costs.pop(0), 0.0)

        return run

    ours, theirs = compare(trial("a", [1, 9, 2]), trial("b", [5, 4, 6]), 3)
    assert (ours.cpu, theirs.cpu) == (2, 5)
    assert order == ["a", "b"] * 3


def test_a_figure_over_or_under_its_limit_is_said():
    assert line(Figure("a", 2.5, 3)).split() == ["a", "2.50", "×", "≤", "3", "×"]
    assert line(Figure("a", 3.1, 3)).endswith("NOT KEPT")
    assert line(Figure("a", 0.7, 0.8, at_least=True)).endswith("NOT KEPT")
    assert not line(Figure("a", 0.9, 0.8, at_least=True)).endswith("NOT KEPT")


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_yields_figures(room):
    assert callable(import_module(f"bench.{room}").figures)


def test_a_room_that_there_is_not_is_refused(capsys):
    assert main(["cellar"]) == 2
    assert "cellar" in capsys.readouterr().err
