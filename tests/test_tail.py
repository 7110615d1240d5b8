import os

import pytest

from gage.run import open_run
from gage.tail import LENGTH, last_lines, shown_last
from tests.porcelain.place import write_run


def tail(tmp_path, output, count=1):
    home = str(tmp_path / "runs")
    id = write_run(home, 1, output=output)
    return last_lines(open_run(os.path.join(home, id)), count)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("loss: 0.1", "loss: 0.1"),
        ("  10%|#\r  20%|##", "  20%|##"),
        ("  20%|##\r", "  20%|##"),
        ("gone\r   \r", "gone"),
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2K\x1b[Aup", "up"),
        ("\x1b]0;never ended", ""),
        ("\x1b[31m \x1b[0m", ""),
        ("\tat com.foo.Bar\t1", "        at com.foo.Bar  1"),
        ("", ""),
    ],
)
def test_a_line_is_what_a_terminal_shows_in_the_end(line, seen):
    assert shown_last(line) == seen


def test_the_last_lines_are_those_that_hold_something(tmp_path):
    assert tail(tmp_path, b"a\n\nb\r\n \nc\n\n\n", 2) == ["b", "c"]
    assert tail(tmp_path, b"one\nhalf", 5) == ["one", "half"]
    assert tail(tmp_path, b"", 5) == []


def test_of_a_line_without_an_end_the_end_is_read(tmp_path):
    (line,) = tail(tmp_path, b"x" * 3 * LENGTH + b"end")
    assert len(line) == LENGTH and line.endswith("xend")


def test_bytes_that_are_no_text_are_no_trouble(tmp_path):
    assert tail(tmp_path, b"\xff\xfeok\n") == ["\ufffd\ufffdok"]


def test_what_is_no_file_is_not_read(tmp_path):
    home = str(tmp_path / "runs")
    id = write_run(home, 1, output=b"x\n")
    path = os.path.join(home, id + ".meta", "output", "40_run")
    os.remove(path)
    run = open_run(os.path.join(home, id))
    assert last_lines(run, 1) == []
    os.mkfifo(path)
    assert last_lines(run, 1) == []
    os.remove(path)
    os.symlink("/etc/passwd", path)
    assert last_lines(run, 1) == []
