"""A console session: commands and what they must print, as the manual shows them.

    $ a command
    > a line that continues it
    what it prints, on either stream
    [20]

``[N]`` is its exit status where that is not 0. ``…`` stands for anything within a line,
and a line of nothing else for any lines. Sessions stand in Markdown between ```` ```console ````
and ```` ``` ````, and in a man page between ``.Bd -literal`` and ``.Ed`` under EXAMPLES.
"""

import os
import re
import secrets
import signal
import subprocess
from typing import NamedTuple

from gage.mdoc import read_characters
from tests.place import environment

LIMIT = 60.0  # seconds for a whole session


class Command(NamedTuple):
    """A command, what it must print and how it must end; *line* counts from 1."""

    line: int
    text: str
    expected: list[str]
    status: int


Session = list[Command]


class SessionError(AssertionError):
    """A command did not do what its session says."""


def markdown_sessions(text: str) -> list[Session]:
    """The sessions of a Markdown text."""
    return _blocks(text, begin=re.compile("```console$"), end="```")


def manual_sessions(text: str) -> list[Session]:
    """The sessions among the examples of a man page."""
    before, heading, rest = text.partition("\n.Sh EXAMPLES\n")
    examples = "\n" * (before + heading).count("\n") + rest.partition("\n.Sh ")[0]
    lines = [
        line if line.startswith(".") else read_characters(line) for line in examples.split("\n")
    ]
    return _blocks("\n".join(lines), begin=re.compile(r"\.Bd -literal\b"), end=".Ed")


def parse_session(lines: list[str], first: int = 1) -> Session:
    """The commands of a session whose first line has the number *first*.

    Raises ValueError where it prints something before any command.
    """
    session: Session = []
    for number, line in enumerate(lines, first):
        if line.startswith("$ "):
            session.append(Command(number, line[2:], [], 0))
        elif not session:
            raise ValueError(f"line {number}: a session begins with `$ `")
        elif line.startswith("> ") and not session[-1].expected:
            session[-1] = session[-1]._replace(text=f"{session[-1].text}\n{line[2:]}")
        else:
            session[-1].expected.append(line)
    return [_with_status(command) for command in session]


def run_session(session: Session, name: str, directory: str) -> None:
    """Run a session in *directory*, in one sh(1), so that each command sees what was before it.

    *name* is for messages. Raises SessionError at the first command that does something else.
    """
    mark = f"mark-{secrets.token_hex(8)}"
    script = f'umask 022\nmark() {{ printf \'\\n%s %s\\n\' {mark} "$1"; return "$1"; }}\n'
    script += "".join(f"{command.text}\nmark $?\n" for command in session)
    output = _run_script(script, directory)
    for command in session:
        ended = re.search(rf"\n{mark} (\d+)\n", output)
        got = output[: ended.start()] if ended else output
        status = int(ended[1]) if ended else None
        if status != command.status or not re.fullmatch(_pattern(command.expected), _lines(got)):
            raise SessionError(_told(command, name, got, status))
        assert ended
        output = output[ended.end() :]


def _run_script(script: str, directory: str) -> str:
    env = environment(os.path.dirname(os.path.abspath(directory)))
    path = os.path.join(env["HOME"], "session.out")
    with open(path, "wb") as file:
        shell = subprocess.Popen(
            ["sh", "-c", script],
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            shell.wait(LIMIT)
        except subprocess.TimeoutExpired:
            file.write(f"\nstill running after {LIMIT:.0f} s\n".encode())
        finally:
            _end(shell)
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def _end(shell: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(shell.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    shell.wait()


def _blocks(text: str, *, begin: "re.Pattern[str]", end: str) -> list[Session]:
    sessions = []
    block: list[str] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if block is None:
            if begin.match(line):
                block = []
        elif line == end:
            if block and block[0].startswith("$ "):
                sessions.append(parse_session(block, number - len(block)))
            block = None
        else:
            block.append(line)
    return sessions


def _with_status(command: Command) -> Command:
    expected = list(command.expected)
    while expected and not expected[-1]:
        expected.pop()
    status = re.fullmatch(r"\[(\d+)\]", expected[-1]) if expected else None
    if status:
        expected.pop()
    return command._replace(expected=expected, status=int(status[1]) if status else 0)


def _pattern(expected: list[str]) -> str:
    return "".join(
        r"(?:[^\n]*\n)*" if line == "…" else re.escape(line).replace("…", r"[^\n]*") + "\n"
        for line in expected
    )


def _lines(output: str) -> str:
    return output if not output or output.endswith("\n") else output + "\n"


def _told(command: Command, name: str, got: str, status: int | None) -> str:
    ended = "it did not end" if status is None else f"[{status}]"
    parts = [
        f"{name}:{command.line}",
        _indented("$ " + command.text),
        "expected:",
        _indented("\n".join([*command.expected, f"[{command.status}]"])),
        "got:",
        _indented(_lines(got) + ended),
    ]
    return "\n" + "\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))
