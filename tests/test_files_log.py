import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.files_log import FileEvent, append_events, entered, read_events
from gage.run import Run, run_meta_path
from tests.programs import read, write

paths = st.binary(min_size=1, max_size=12).map(
    lambda data: data.replace(b"\0", b"0").decode("utf-8", "surrogateescape")
)
events = st.builds(
    FileEvent,
    st.sampled_from("am"),
    st.sampled_from("sdrg"),
    st.none() | st.integers(0, 10**16),
    paths,
)


@pytest.fixture
def run(tmp_path) -> Run:
    (tmp_path / "one.meta").mkdir()
    return Run(str(tmp_path / "one"), "", None, "none")


def log(run):
    return run_meta_path(run, "log", "files")


@given(st.lists(events, max_size=5), st.lists(events, max_size=5))
def test_events_read_back_as_they_were_appended(run, first, second):
    write(log(run), "")
    append_events(run, first)
    append_events(run, second)
    assert read_events(run) == first + second


def test_a_line_is_what_the_format_says(run):
    append_events(run, [FileEvent("a", "s", 1, "train.py"), FileEvent("d", "d", None, "a\nb\\")])
    assert read(log(run)) == "a s 1 train.py\n\\d d - a\\nb\\\\\n"


@given(st.integers(0, 60), events)
def test_a_line_that_was_cut_is_left_out_and_hurts_nobody_after_it(run, length, last):
    whole = FileEvent("a", "s", 12345678, "some\nwhere/train.py")
    write(log(run), "")
    append_events(run, [whole, whole])
    text = read(log(run))
    cut = text[: length % (len(text) + 1)]
    write(log(run), cut)
    kept = [whole] * cut.count("\n")
    assert read_events(run) == kept
    append_events(run, [last])
    assert read_events(run) == [*kept, last]


@given(st.text(st.characters(codec="ascii")))
def test_what_is_no_event_is_passed_over(run, garbage):
    write(log(run), garbage + "\n")
    read_events(run)
    append_events(run, [FileEvent("a", "s", 1, "x")])
    assert read_events(run)[-1] == FileEvent("a", "s", 1, "x")


def test_what_entered_and_left_is_not_in_the_run(run):
    assert read_events(run) == []
    append_events(
        run,
        [
            FileEvent("a", "s", 1, "b"),
            FileEvent("a", "d", 1, "a"),
            FileEvent("a", "s", 1, "gone"),
            FileEvent("m", "s", 2, "b"),
            FileEvent("d", "s", None, "gone"),
            FileEvent("a", "r", 2, "a"),
        ],
    )
    assert list(entered(run).items()) == [("b", "s"), ("a", "d")]
