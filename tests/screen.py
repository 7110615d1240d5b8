"""A terminal as it would look: as much of one as gage draws with, and no more.

Any other control code is an error, so that what a run wrote is found out where it steers.
"""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
import unicodedata

_CODE = re.compile(r"\x1b\[(\d*)([AJKm])|\r|\n|[^\x00-\x1f\x7f]")


class Screen:
    """The lines of a terminal of this size; what scrolled out of it is at ``lines[:top]``."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines = [""]
        self.top = self.row = self.column = 0

    def write(self, text):
        at = 0
        while at < len(text):
            found = _CODE.match(text, at)
            assert found, f"steered: {text[at : at + 20]!r}"
            at = found.end()
            self._obey(found[0], int(found[1] or 1), found[2])

    def text(self):
        """All that was ever shown and is still there, without empty lines at the end."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    def seen(self):
        return [line.rstrip() for line in self.lines[self.top :]]

    def _obey(self, code, count, letter):
        if code == "\r":
            self.column = 0
        elif code == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
            self.top = max(self.top, self.row - self.rows + 1)
        elif letter == "A":
            self.row = max(self.top, self.row - count)
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif letter == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            self.lines[self.row + 1 :] = []
        elif letter == "m":
            pass
        else:
            width = 1 + (unicodedata.east_asian_width(code) in "WF")
            if self.column + width > self.columns:
                self._obey("\r", 1, None)
                self._obey("\n", 1, None)
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + code + line[self.column + 1 :]
            self.column += width


class Terminal:
    """A command on a terminal, whose picture is had at any time."""

    def __init__(self, *words, cwd, env, rows=24, columns=80):
        self.screen = Screen(rows, columns)
        self.bytes = b""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        ready, go = os.pipe()
        self.child, self.fd = pty.fork()
        if self.child == 0:
            try:
                os.read(ready, 1)
                os.chdir(cwd)
                for name in ("NO_COLOR", "GAGE_PLAIN", "CI", "COLUMNS", "LC_ALL", "LC_CTYPE"):
                    os.environ.pop(name, None)
                os.environ.update({"TERM": "xterm", "LANG": "C.UTF-8"} | env)
                os.execvp(words[0], words)
            finally:
                os._exit(70)
        os.close(ready)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)
        os.write(go, b"x")
        os.close(go)
        self._half = ""

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def wait_for(self, pattern):
        """The screen as soon as it shows *pattern*."""
        until = time.monotonic() + 30
        while not re.search(pattern, "\n".join(self.screen.seen())):
            assert self._read(0.1) and time.monotonic() < until, self.screen.text()
        return "\n".join(self.screen.seen())

    def end(self):
        """All that is left to be seen when the command has ended, and its exit code."""
        while self._read(30):
            pass
        _, status = os.waitpid(self.child, 0)
        os.close(self.fd)
        return self.screen.text(), os.waitstatus_to_exitcode(status)

    def _read(self, seconds):
        """False where nobody has the terminal open any more."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.bytes += data
        text = self._half + data.decode("utf-8", "surrogateescape")
        whole = re.sub(r"\x1b(\[\d*)?\Z|[\udc80-\udcff]+\Z", "", text)
        self._half = (
            text[len(whole) :].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        )
        self.screen.write(whole)
        return True
