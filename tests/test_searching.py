import re
import signal

from hypothesis import given, settings
from hypothesis import strategies as st

from gage import searching
from gage.searching import Match, all_matches, last_matches


def matches_of(pattern, output):
    return all_matches({"m": pattern}, output)["m"]


def test_all_matches_are_found_in_order_with_the_byte_behind_each():
    output = "loss: 3\nü loss: 2 \nloss: 1".encode() + b"\xff"
    found = matches_of(r"loss: (\d)", output)
    assert found.matches == [Match("3", None, 7), Match("2", None, 18), Match("1", None, 27)]
    assert (found.before, found.trouble) == (0, "")
    assert [output[: match.end][-1:] for match in found.matches] == [b"3", b"2", b"1"]


def test_a_program_that_ignores_how_its_children_end_searches_too():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert matches_of("(.)", b"a").matches == [Match("a", None, 1)]
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_the_last_match_is_one_and_what_was_before_it_is_counted():
    assert last_matches({"m": "(.)x"}, b"1x 2x 3x")["m"] == ([Match("3", None, 8)], 2, "")


def test_the_step_is_that_of_the_group_and_no_value():
    found = matches_of(r"(?P<step>\d+)/10 loss (\S+)", b"1/10 loss 0.5\n2/10 loss 0.25\n")
    assert [(match.step, match.value) for match in found.matches] == [(1, "0.5"), (2, "0.25")]
    # The group may come behind the value, and be a number that is not whole.
    assert matches_of(r"(\S+) at (?P<step>\S+)", b"0.5 at 1e3").matches[0][:2] == ("0.5", 1000)


def test_the_step_is_what_the_line_says():
    lines = {
        b"step: 10 loss: 1": 10,
        b"Epoch 3/10, loss: 1": 3,
        b"epoch: 2 step: 40 loss: 1": 40,
        b"loss: 1 global_step=7": 7,
        b'{"step": 5, "loss: 1": 0}': 5,
        b"[iteration 8] loss: 1": 8,
        b"footstep: 3 loss: 1": None,
        b"steps: 99999999999999999999 loss: 1": None,
        b"loss: 1": None,
    }
    for line, step in lines.items():
        output = b"step: 99\n" + line + b"\nepoch: 98\n"
        assert matches_of(r"loss: (\d)", output).matches[0].step == step, line


def test_a_line_without_end_is_looked_at_near_the_match():
    output = b"step: 1 " + b"loss: 2 " * 50_000 + b"step: 3"
    found = matches_of(r"loss: (\d)", output)
    assert len(found.matches) == 50_000
    assert (found.matches[0].step, found.matches[-1].step) == (1, 3)
    assert found.matches[25_000].step is None


def test_no_more_matches_are_told_than_the_most_the_last_of_all():
    found = matches_of(".", b"x" * (searching.MOST_MATCHES + 5))
    assert (len(found.matches), found.before) == (searching.MOST_MATCHES, 5)
    assert found.matches[-1].end == searching.MOST_MATCHES + 5


def test_what_takes_too_long_spares_those_before_it(monkeypatch):
    monkeypatch.setattr("gage.searching.PATTERN_SECONDS", 1)
    patterns = {"loss": "loss: (.)", "evil": "(a+)+$", "last": "x"}
    found = all_matches(patterns, b"loss: 1\nloss: 2\n" + b"a" * 40 + b"!\n")
    assert [match.value for match in found["loss"].matches] == ["1", "2"]
    assert found["evil"] == ([], 0, "took more than 1 s and was given up")
    assert "last" not in found


def test_a_pattern_that_is_none_is_said():
    assert matches_of("(", b"x").trouble.startswith("no regular expression: ")


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_every_end_is_that_of_its_match_whatever_bytes_are_written(output):
    found = matches_of(r"[a-z0-9]", output)
    assert [match.end for match in found.matches] == [
        match.end() for match in re.finditer(rb"[a-z0-9]", output)
    ]


def test_a_step_is_seen_behind_the_end_of_a_progress_bar():
    found = all_matches(
        {"loss": r"loss: (\S+)"}, b"20/20epoch: 4 loss: 0.5\nmyepoch: 5 loss: 0.4\n"
    )
    assert [match.step for match in found["loss"].matches] == [4, None]
