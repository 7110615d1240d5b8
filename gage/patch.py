r"""Patches: unified diffs, as patch(1) takes them, of the files that config was written into.

``log/patched`` holds one after the other as they were made, attempt by attempt, so that
source code as it was before can be had from what it is now. Lines end in ``\n`` alone, and
may hold any other byte.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_NUMBER = rb"(\d{1,18})"
_HUNK = re.compile(rb"@@ -%b(?:,%b)? \+%b(?:,%b)? @@" % ((_NUMBER,) * 4))
_QUOTED = re.compile(rb"\\([0-7]{3})")
_NO_NEWLINE = b"\\ No newline at end of file\n"


class Hunk(NamedTuple):
    """Lines *old*, that became the lines *new*, from the line *start*, which counts from 0."""

    start: int
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]


class FilePatch(NamedTuple):
    """What was changed in the file *path* at one time."""

    path: str
    hunks: tuple[Hunk, ...]


def format_patch(old_name: bytes, new_name: bytes, before: bytes, after: bytes) -> bytes:
    """What makes *before* into *after*, and back; empty where they are the same."""
    import difflib

    names = _quoted(old_name), _quoted(new_name)
    lines = difflib.diff_bytes(difflib.unified_diff, _lines(before), _lines(after), *names)
    return b"".join(line if line.endswith(b"\n") else line + b"\n" + _NO_NEWLINE for line in lines)


def parse_patches(data: bytes) -> list[FilePatch]:
    """The patches in *data*, oldest first; what is no patch is passed over."""
    patches: list[FilePatch] = []
    lines = _lines(data)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith(b"--- "):
            patches.append(FilePatch(_unquoted(line[4:]), ()))
        elif patches and (found := _HUNK.match(line)):
            hunk, at = _hunk(found, lines, at)
            last = patches[-1]
            patches[-1] = last._replace(hunks=(*last.hunks, hunk))
    return patches


def is_whole(data: bytes) -> bool:
    """Whether *data* is patches and nothing else, and none of them is cut."""
    lines = _lines(data)
    at = 0
    whole = False  # a file without a hunk is cut, whatever its lines look like
    while at < len(lines):
        if found := _HUNK.match(lines[at]):
            hunk, at = _hunk(found, lines, at + 1)
            if (len(hunk.old), len(hunk.new)) != (int(found[2] or 1), int(found[4] or 1)):
                return False
            whole = True
        elif lines[at].startswith(b"--- ") and b"".join(lines[at + 1 : at + 2])[:4] == b"+++ ":
            at += 2
            whole = False
        else:
            return False
    return whole


def line_counts(data: bytes) -> list[tuple[str, int, int]]:
    """Of each patch in *data* the name, of the new file or else the old, and how many lines it
    adds and removes.
    """
    counts: list[tuple[str, int, int]] = []
    lines = _lines(data)
    at = 0
    while at < len(lines):
        if lines[at].startswith(b"--- ") and b"".join(lines[at + 1 : at + 2])[:4] == b"+++ ":
            old, new = (_unquoted(line[4:]) for line in lines[at : at + 2])
            counts.append((old if new == "/dev/null" else new, 0, 0))
            at += 2
        elif counts and (found := _HUNK.match(lines[at])):
            _, after = _hunk(found, lines, at + 1)
            signs = [line[:1] for line in lines[at + 1 : after]]
            name, more, less = counts[-1]
            counts[-1] = name, more + signs.count(b"+"), less + signs.count(b"-")
            at = after
        else:
            at += 1
    return counts


def marked_lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line of the patches *text*, behind a mark: ``-`` of one that went, ``+`` of one that
    came, ``@`` of what says where, and nothing of all others.
    """
    old = new = 0  # so many lines of a hunk are still to come, in which nothing is a head
    for line in text.split("\n"):
        found = _HUNK.match(line.encode("utf-8", "surrogateescape"))
        if old > 0 or new > 0:
            mark = line[:1] if line[:1] in ("-", "+") else ""
            old -= mark != "+" and line[:1] != "\\"
            new -= mark != "-" and line[:1] != "\\"
        elif found:
            mark = "@"
            old, new = (int(found[group] or 1) for group in (2, 4))
        else:
            mark = "@" if line[:4] in ("--- ", "+++ ") else ""
        yield mark, line


def undo(patch: FilePatch, data: bytes) -> bytes | None:
    """What *data* was before *patch*; None where it is not what the patch made."""
    lines = _lines(data)
    for hunk in reversed(patch.hunks):
        last = hunk.start + len(hunk.new)
        if tuple(lines[hunk.start : last]) != hunk.new:
            return None
        lines[hunk.start : last] = hunk.old
    return b"".join(lines)


def _hunk(found: "re.Match[bytes]", lines: Sequence[bytes], at: int) -> tuple[Hunk, int]:
    """The hunk whose lines begin at *at*, and where it ends."""
    old, new = list[bytes](), list[bytes]()
    left = int(found[2] or 1), int(found[4] or 1)
    last = ""
    # Counted, since a line that was removed may begin with dashes, too.
    while at < len(lines):
        sign, text = lines[at][:1], lines[at][1:]
        if sign == b"\\":
            for side in [side for side, signs in ((old, " -"), (new, " +")) if last in signs]:
                side[-1:] = [line.removesuffix(b"\n") for line in side[-1:]]
        elif (len(old), len(new)) == left or sign not in (b" ", b"-", b"+"):
            break
        else:
            last = sign.decode()
            old += [text] if last in " -" else []
            new += [text] if last in " +" else []
        at += 1
    # Of no lines at all, the line before them is told.
    start = int(found[3]) - bool(new)
    return Hunk(max(start, 0), tuple(old), tuple(new)), at


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _quoted(name: bytes) -> bytes:
    """A name as the head of a diff spells it: in the quotes of C where it must be."""
    if any(byte < 32 or byte == 127 for byte in name) or name.startswith(b'"'):
        return b'"%b"' % b"".join(
            b"\\%03o" % byte if byte < 32 or byte in b'"\\\x7f' else b"%c" % byte for byte in name
        )
    return name + b"\t" if b" " in name else name


def _unquoted(head: bytes) -> str:
    name = head.removesuffix(b"\n").removesuffix(b"\t")
    if name.startswith(b'"'):
        name = _QUOTED.sub(lambda found: bytes([int(found[1], 8) & 255]), name[1:-1])
    return name.decode("utf-8", "surrogateescape")
