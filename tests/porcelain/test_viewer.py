"""A pipeline on a terminal: real runs, and what is to be seen of them meanwhile."""

import fcntl
import json
import os
import re
import signal
import struct
import sys
import termios
import time

import pytest

from tests.pipelines import Project
from tests.porcelain.place import write_steps
from tests.programs import QUICK
from tests.screen import Terminal

GAGE = os.path.join(os.path.dirname(sys.executable), "gage")

# What is typed before the shell has printed it stands beside what is printed.
PROMPT = r"(?m:^\$)\s*\Z"

STEPS = """\
first: {exec: "sh -c 'echo 3 rows'"}
bar:
  exec: >-
    sh -c 'printf " 10%%|#  |"; sleep 0.1; printf "\\r 20%%|## |"; echo $$ > ready;
    until test -e $GO; do sleep 0.05; done; printf "\\r100%%|###|\\n"'
last: {exec: "sh -c 'echo done'"}
bad: {exec: "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 4'"}
evil: {exec: "printf '\\\\033[2J\\\\033]0;x\\\\007\\\\302\\\\233evil\\\\n'"}
all: {steps: [first, bar, last]}
outer: {steps: [first, {run: all, name: inner, needs: []}]}
broken: {steps: [first, bad, last]}
odd: {steps: [evil]}
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, STEPS)
    yield project
    go(project)  # nothing waits on where a test has failed


@pytest.fixture
def on_terminal(project):
    """Start gage in the project on a terminal; the file at ``go`` lets the step ``bar`` end."""
    started = []

    def start(*words, env=None, **size):
        env = QUICK | {"GO": f"{project.path}/go"} | (env or {})
        terminal = Terminal(GAGE, *words, cwd=project.path, env=env, **size)
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        try:
            os.kill(terminal.child, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.fixture
def on_shell(project):
    """Start a shell with job control on a terminal."""
    started = []

    def start():
        env = QUICK | {"GO": f"{project.path}/go", "PS1": "$ "}
        shell = Terminal("dash", "-i", cwd=project.path, env=env)
        started.append(shell)
        shell.wait_for(PROMPT)
        return shell

    yield start
    for shell in started:
        try:
            os.kill(shell.child, signal.SIGHUP)
        except ProcessLookupError:
            pass


def go(project):
    project.write("go", "")


BAR = r"▸ bar +running +\d+ s +20%\|## \|"


def test_a_terminal_shows_a_line_a_step_and_at_the_end_all_of_them_stay(project, on_terminal):
    terminal = on_terminal("run", "-y", "all")
    seen = terminal.wait_for(BAR)
    assert re.search(r"(?m)^▸ all \w{8}  running", seen)
    assert re.search(r"(?m)^  ✓ first +completed +\S+ m?s +3 rows$", seen)
    assert re.search(r"(?m)^  · last +waiting$", seen)
    go(project)
    text, code = terminal.end()
    lines = text.split("\n")
    assert code == 0
    assert [line.split()[:2] for line in lines] == [
        ["✓", "all"],
        ["✓", "first"],
        ["✓", "bar"],
        ["✓", "last"],
    ]
    assert lines[2].endswith("100%|###|")
    assert "INFO" not in terminal.bytes.decode()


def test_steps_of_steps_stand_below_them_and_side_by_side(project, on_terminal):
    terminal = on_terminal("run", "-y", "-j", "2", "outer")
    seen = terminal.wait_for(BAR)
    assert re.search(r"(?m)^  ▸ inner +running.*\n    ✓ first .*\n    ▸ bar ", seen)
    go(project)
    assert terminal.end()[1] == 0


def test_a_failure_shows_its_last_lines_and_what_takes_the_run_up(project, on_terminal):
    text, code = on_terminal("run", "-y", "broken").end()
    assert code == 4
    table, _, rest = text.partition("\n\n")
    assert re.search(r"✗ broken \w{8} +error", table)
    assert re.search(r"(?m)^  ✗ bad +error .* line 12$", table)
    assert re.search(r"(?m)^  · last +staged$", table)
    told = rest.split("\n")
    assert re.fullmatch(r"the last lines of bad \(\w{8}\):", told[0])
    assert told[1:-1] == [f"  line {i}" for i in range(3, 13)]
    assert re.fullmatch(r"hint: gage restart \w{8} --needed", told[-1])
    assert told[-1].split()[3] == project.newest("broken").id[:8]


def test_a_step_that_is_not_as_expected_is_told(project, on_terminal):
    steps = "{run: bad, expect: {exit: 4}}, {run: first, expect: {files: [x]}}"
    project.write("gage.yaml", STEPS + f"checked: {{steps: [{steps}]}}\n")
    text, code = on_terminal("run", "-y", "checked").end()
    assert code == 1
    assert re.search(r"\n  ✓ bad +error .*\n  ✗ first +completed .* no file x\n", text)
    assert "the last lines of bad" not in text
    assert "\nERROR: [gage] step first: no file x\n" in text
    shown = project.gage("show", "checked@").out
    assert re.search(r"\n  first .* completed .* no file x\n", shown)
    assert json.loads(project.gage("show", "--json", "checked@").out)["steps"][1]["unmet"] == [
        "no file x"
    ]


@pytest.mark.parametrize(("rows", "columns"), [(3, 20), (2, 80), (4, 10), (24, 5)])
def test_a_small_window_is_never_scrolled_by_a_picture(project, on_terminal, rows, columns):
    terminal = on_terminal("run", "-y", "all", rows=rows, columns=columns)
    terminal.wait_for("bar|▸")
    time.sleep(1)
    terminal.wait_for("▸")
    assert terminal.screen.top == 0
    assert max(map(len, terminal.screen.seen())) < columns
    go(project)
    assert terminal.end()[1] == 0


def test_a_window_of_one_line_gets_no_picture(project, on_terminal):
    go(project)
    terminal = on_terminal("run", "-y", "all", rows=1)
    text, code = terminal.end()
    assert code == 0
    assert b"\x1b[1A" not in terminal.bytes
    assert "✓ last" in text


def test_a_window_that_becomes_smaller_gets_a_smaller_picture(project, on_terminal):
    terminal = on_terminal("run", "-y", "all")
    terminal.wait_for(BAR)
    size = struct.pack("HHHH", 3, 20, 0, 0)
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, size)
    terminal.wait_for("and 1 running")
    go(project)
    assert terminal.end()[1] == 0


def test_control_c_ends_the_run_and_what_it_was_is_shown(project, on_terminal):
    terminal = on_terminal("run", "-y", "all")
    terminal.wait_for(BAR)
    terminal.type("\x03")
    text, code = terminal.end()
    assert code == 130
    assert re.search(r"(?m)^  ✗ bar +terminated", text)
    assert re.search(r"(?m)^hint: gage restart \w{8} --needed$", text)


def test_control_z_stops_the_picture_and_it_goes_on_below(project, on_shell):
    shell = on_shell()
    shell.type(f"{GAGE} run -y all\n")
    shell.wait_for(BAR)
    shell.type("\x1a")
    shell.wait_for(f"(?is)stopped.*{PROMPT}")
    shell.type("echo in between\n")
    shell.wait_for("(?m)^in between")
    written = len(shell.bytes)
    time.sleep(0.5)
    shell.wait_for("in between")
    assert len(shell.bytes) - written < 100, "nothing is drawn while it is stopped"
    shell.type("fg\n")
    assert re.search(r"(?s)▸ bar.*in between.*▸ bar", shell.wait_for(f"(?s)between.*{BAR}"))
    go(project)
    shell.wait_for("(?m)^✓ all")
    shell.type("exit\n")
    text, code = shell.end()
    assert code == 0
    assert "in between" in text


def test_in_the_background_nothing_is_drawn_until_the_end(project, on_shell):
    shell = on_shell()
    shell.type(f"{GAGE} run -y all &\n")
    until = time.monotonic() + 20
    while project.gage("runs", "-s", "--running", "-Fo", "bar").out == "":
        assert time.monotonic() < until
    time.sleep(0.5)
    shell.wait_for(PROMPT)
    shell.type("echo mine\n")
    assert "▸" not in shell.wait_for("(?m)^mine")
    go(project)
    shell.wait_for("(?m)✓ all")
    shell.type("exit\n")
    shell.end()


def test_a_viewer_ends_with_the_run_that_is_killed(project, on_terminal):
    terminal = on_terminal("run", "-y", "all")
    terminal.wait_for(BAR)
    os.kill(terminal.child, signal.SIGKILL)
    go(project)
    _, code = terminal.end()  # nobody has the terminal open any more
    assert code == -signal.SIGKILL


def test_a_viewer_that_is_killed_takes_nothing_with_it(project, on_terminal):
    terminal = on_terminal("run", "-y", "all")
    terminal.wait_for(BAR)
    viewers = [
        pid
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
        if _parent(pid) == terminal.child and _words(pid) == _words(terminal.child)
    ]
    assert len(viewers) == 1
    os.kill(viewers[0], signal.SIGKILL)
    go(project)
    text, code = terminal.end()
    assert code == 0
    assert re.search(r"(?m)^✓ all", text)


def test_a_terminal_that_is_held_up_holds_up_nothing(project, on_terminal):
    terminal = on_terminal("run", "-y", "all")
    terminal.wait_for(BAR)
    terminal.type("\x13")
    go(project)
    until = time.monotonic() + 20
    while project.gage("runs", "-s", "--completed", "-Fo", "last").out == "":
        assert time.monotonic() < until
        time.sleep(0.1)
    terminal.type("\x11")
    assert terminal.end()[1] == 0


def test_a_link_with_an_evil_name_steers_nothing(project, on_terminal):
    parent, passed, _ = write_steps(project.home)
    os.symlink(f"../{passed}", os.path.join(project.home, parent, "e\x1b[2J\nx"))
    text, code = on_terminal("watch", "steps-restart").end()
    assert code == 1
    assert "✓ e\\x1b[2J\\nx" in text


def test_what_a_step_writes_steers_nothing(on_terminal):
    terminal = on_terminal("run", "-y", "odd")
    text, code = terminal.end()  # the screen obeys nothing but what a picture is drawn with
    assert code == 0, text
    assert "evil" in text
    assert b"\x1b[2J" not in terminal.bytes and b"\x1b]0" not in terminal.bytes


@pytest.mark.parametrize("env", [{"CI": "true"}, {}])
def test_raw_passes_the_output_on_as_it_comes(project, on_terminal, env):
    go(project)
    words = ["--raw"] if not env else []
    terminal = on_terminal("run", "-y", *words, "all", env=env | {"NO_COLOR": "1"})
    text, code = terminal.end()
    assert code == 0
    assert "INFO: [gage] running first: first" in text
    assert "3 rows" in text and "✓" not in text
    assert "\x1b" not in terminal.bytes.decode()


@pytest.mark.parametrize("env", [{"GAGE_PLAIN": "1"}, {"TERM": "dumb"}])
def test_a_plain_terminal_is_told_line_by_line(project, on_terminal, env):
    go(project)
    terminal = on_terminal("run", "-y", "all", env=env)
    text, code = terminal.end()
    assert code == 0
    assert "\x1b" not in terminal.bytes.decode() and text.isascii()
    # What is over before anybody looks is told by the table alone.
    told = re.findall(r"(?m)^\w+: (?:running|completed after \S+ m?s: .*)$", text)
    assert told or re.search(r"(?m)^all \w+  completed  \d+ ms$", text)
    assert re.search(r"(?m)^  last +completed ", text)


def test_without_colour_a_pipeline_is_drawn_in_one(project, on_terminal):
    go(project)
    terminal = on_terminal("run", "-y", "all", env={"NO_COLOR": "1", "CLICOLOR_FORCE": "1"})
    assert terminal.end()[1] == 0
    assert not re.search(rb"\x1b\[\d*m", terminal.bytes)
    coloured = on_terminal("run", "-y", "all")
    assert coloured.end()[1] == 0
    assert b"\x1b[32mcompleted\x1b[0m" in coloured.bytes


def test_quiet_shows_nothing(project, on_terminal):
    go(project)
    assert on_terminal("run", "-y", "-q", "all", env={"NO_COLOR": "1"}).end() == ("", 0)


def test_a_single_operation_stays_as_it_is(on_terminal):
    text, code = on_terminal("run", "-y", "bad", env={"NO_COLOR": "1"}).end()
    assert code == 4
    assert text.split("\n")[:2] == ["line 1", "line 2"]
    assert text.endswith("ended with exit code 4")


def test_watching_shows_what_runs_elsewhere_and_ends_with_it(project, on_terminal):
    runner = on_terminal("run", "-y", "all")
    runner.wait_for(BAR)
    watcher = on_terminal("watch")
    assert re.search(r"(?m)^▸ all", watcher.wait_for(BAR))
    go(project)
    text, code = watcher.end()
    assert code == 0
    assert [line.split()[1] for line in text.split("\n")] == ["all", "first", "bar", "last"]
    assert runner.end()[1] == 0


def _parent(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return None


def _words(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()
