"""The completions in real shells, with keys on a terminal: what the line becomes at TAB."""

import os
import pty
import re
import select
import shutil
import time

import pytest

from tests.place import ROOT, copy_project, environment
from tests.porcelain.place import write_run

GAGE_FILE = """\
train:
  description: Train the model
  default: true
  exec: python train.py
  config: train.py
  flags:
    kind: {default: sgd, choices: [sgd, adam]}
    shuffle: yes
m1:prepare: {exec: "true"}
"""

COMPLETIONS = os.path.join(ROOT, "completions")

STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], f". {COMPLETIONS}/gage.bash"),
    "zsh": (
        ["zsh", "-f", "-i"],
        f"bindkey -e; fpath=({COMPLETIONS} $fpath); autoload -U compinit; "
        "compinit -u -D; zstyle ':completion:*' menu no; unsetopt auto_menu",
    ),
    "fish": (
        ["fish", "--no-config", "--interactive"],
        f"function fish_prompt; end; source {COMPLETIONS}/gage.fish",
    ),
}

SHELLS = [
    pytest.param(
        name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed")
    )
    for name in STARTS
]


@pytest.fixture
def place(tmp_path):
    project = copy_project("train", str(tmp_path / "project"))
    with open(os.path.join(project, "gage.yaml"), "w") as file:
        file.write(GAGE_FILE)
    home = os.path.join(project, ".gage", "runs")
    write_run(home, 1, "train", config={"lr": 0.1})
    write_run(home, 0xBEEF, "eval", exit=1, config={"deep": True})
    os.mkdir(os.path.join(project, "my dir"))
    with open(os.path.join(project, "my dir", "a b.py"), "w") as file:
        file.write("print(1)\n")
    return project


class Terminal:
    """A shell on a terminal, to which keys are sent."""

    def __init__(self, name, directory):
        command, setup = STARTS[name]
        env = environment(directory) | {"TERM": "dumb" if name != "fish" else "xterm", "PS1": "$ "}
        self.child, self.fd = pty.fork()
        if self.child == 0:
            os.chdir(directory)
            os.execvpe(command[0], command, env)
        self.seen = ""
        self.send(f"{setup}; echo rea''dy\n")
        self.wait("ready[\r\n]")

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def wait(self, pattern):
        """The match of *pattern* in what is shown from now on."""
        until = time.monotonic() + 30
        while not (match := re.search(pattern, self.seen)):
            ready = select.select([self.fd], [], [], max(until - time.monotonic(), 0))[0]
            assert ready, f"no {pattern} in {self.seen!r}"
            try:
                self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
            except OSError:
                raise AssertionError(f"no {pattern} in {self.seen!r}") from None
        self.seen = self.seen[match.end() :]
        return match

    def line_after_tab(self, line, more=""):
        """What *line* has become when TAB was pressed at its end, and *more* was typed."""
        # To its beginning, and to its end: it is an argument, and not run.
        self.send(line + "\t" + more + "\x01printf '<%s>\\n' '\x05'\n")
        return self.wait(r"[\r\n]<(gage[^\r\n]*)>\r*\n")[1]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.child, 0)


@pytest.fixture(params=SHELLS)
def terminal(request, place):
    terminal = Terminal(request.param, place)
    yield terminal
    terminal.close()


LINES = [
    ("gage rest", "gage restart "),
    ("gage runs purg", "gage runs purge "),
    ("gage run m1", "gage run m1:prepare "),
    ("gage run m1:pr", "gage run m1:prepare "),
    ("gage run train.", "gage run train.py "),
    ("gage run train l", "gage run train lr="),
    ("gage run train lr=", "gage run train lr=0.1 "),
    ("gage run train kind=a", "gage run train kind=adam "),
    ("gage run train lr=1 shuffle=n", "gage run train lr=1 shuffle=no "),
    ("gage run --forc", "gage run --force-"),
    ("gage show be", "gage show beefbeef "),
    ("gage show ev", "gage show eval@ "),
    ("gage runs -Fs err", "gage runs -Fs error "),
    ("gage restart beef dee", "gage restart beef deep="),
    ("gage ls-ru", "gage ls-runs "),
    ("gage show eval@", "gage show eval@ "),
    ("gage run my\\ d", "gage run my\\ dir/"),
    ("gage run my\\ dir/a", "gage run my\\ dir/a\\ b.py "),
]


def test_a_word_is_completed_in_a_real_shell(terminal):
    completed = [terminal.line_after_tab(line) for line, _ in LINES]
    assert [text.rstrip() for text in completed] == [expected.rstrip() for _, expected in LINES]


def test_a_word_that_is_over_is_followed_by_a_space_and_one_that_goes_on_is_not(terminal):
    assert terminal.line_after_tab("gage rest", "@") == "gage restart @"
    assert terminal.line_after_tab("gage run train l", "1") == "gage run train lr=1"


def test_a_list_says_what_the_runs_are(terminal):
    terminal.send("gage show \t\t")
    terminal.wait(r"beefbeef.*eval\s+error")


def test_files_are_completed_by_the_shell(terminal):
    assert terminal.line_after_tab("gage run --batch train", "x") == "gage run --batch train.py x"


def test_plumbing_is_completed_by_its_own_name(terminal):
    completed = terminal.line_after_tab("gage-manifest .gage/runs/b")
    assert completed.rstrip() == f"gage-manifest .gage/runs/{'beef' * 8}"


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gage show @~", "gage show @~1 "),
        ("gage show eval@", "gage show eval@ "),
        ("gage runs --started last\\ 7", "gage runs --started last\\ 7\\ days "),
        ("gage runs --status=err", "gage runs --status=error "),
    ],
)
def test_bash_puts_together_what_it_takes_apart(place, line, expected):
    terminal = Terminal("bash", place)
    assert terminal.line_after_tab(line) == expected
    terminal.close()
