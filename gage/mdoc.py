"""A reader of mdoc(7), the language of our manual pages, for where there is no man(1).

It knows the macros that our pages use, and shows what stands beside one that it does not
know. A line that begins with a dot is a macro with its arguments, any other is text.
"""

import re
from typing import NamedTuple

_CHARACTERS = {
    "e": "\\",
    "-": "-",
    "&": "",
    " ": " ",
    "~": "\N{NO-BREAK SPACE}",
    "(aq": "'",
    "(dq": '"',
    "(ga": "`",
    "(ha": "^",
    "(ti": "~",
    "(rs": "\\",
    "(en": "–",
    "(em": "—",
    "(bu": "•",
    "(lq": "“",
    "(rq": "”",
    "(oq": "‘",
    "(cq": "’",
    "(->": "→",
    "(<=": "≤",
    "(>=": "≥",
    "(mu": "×",
}
_ESCAPE = re.compile(r"\\(f(?:\(..|\[.*?\]|.)|\[u(?P<code>[0-9A-F]{4,6})\]|\(..|.)", re.DOTALL)

# What a macro puts around its arguments: to the end of the line, or up to another macro.
_AROUND = {
    "Op": "[]",
    "Bq": "[]",
    "Pq": "()",
    "Brq": "{}",
    "Aq": "<>",
    "Qq": '""',
    "Dq": "“”",
    "Sq": "‘’",
    "Ql": "‘’",
}
_OPEN = {"Oo": "[", "Bo": "[", "Po": "(", "Bro": "{", "Ao": "<", "Qo": '"', "Do": "“", "So": "‘"}
_CLOSE = {"Oc": "]", "Bc": "]", "Pc": ")", "Brc": "}", "Ac": ">", "Qc": '"', "Dc": "”", "Sc": "’"}
_PLAIN = set("Ad An Ap Ar Cm Dv Em Er Ev Fa Fn Ft Ic Li Lk Mt No Pa Sx Sy Tn Va Vt".split())
_INLINE = {"Fl", "Nm", "Nd", "Ns", "Pf", "Xr", "Ta", *_AROUND, *_OPEN, *_CLOSE, *_PLAIN}
_NOTHING = {"Dd", "Dt", "Os", "Bk", "Ek", "Xo", "Xc", "Sm"}

_GLUE = "\1"
_CELL = "\2"
_INDENT = 4


def read_characters(text: str) -> str:
    r"""*text* with its escapes, ``\e`` and the like, as the characters that they stand for."""

    def character(escape: "re.Match[str]") -> str:
        if escape["code"]:
            return chr(int(escape["code"], 16))
        return "" if escape[1].startswith("f") else _CHARACTERS.get(escape[1], escape[1])

    return _ESCAPE.sub(character, text)


def render(source: str, width: int = 78) -> str:
    """A page as plain text, lines no longer than *width* columns where they can be filled."""
    page = _Page(width)
    for line in source.split("\n"):
        page.read(line)
    page.flush()
    return "\n".join(page.lines).strip("\n") + "\n"


class _Block(NamedTuple):
    """A list or a display that is open: what kind, and how far its text is indented."""

    kind: str
    indent: int
    compact: bool = False


class _Page:
    """A page while it is read: its lines so far, and what they are to be part of."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []
        self.name = ""
        self._section = ""
        self._words: list[str] = []
        self._head = ""
        self._rows: list[list[str]] = []
        self._number = 0
        self._blocks = [_Block("page", _INDENT)]

    def read(self, line: str) -> None:
        """Take one line of the source."""
        block = self._blocks[-1]
        if block.kind == "literal" and not line.startswith(".Ed"):
            self._put(read_characters(line), block.indent)
        elif line.startswith('.\\"'):
            pass
        elif line.startswith("."):
            macro, *arguments = _arguments(line[1:])
            self._macro(macro, arguments)
        elif line.strip():
            self._words.append(read_characters(line.strip()))
        else:
            self._paragraph()

    def flush(self) -> None:
        """Set the words that are waiting."""
        text = re.sub(f" *{_GLUE} *", "", " ".join(self._words))
        self._words = []
        block = self._blocks[-1]
        if block.kind == "column":
            if text:
                self._rows.append([cell.strip() for cell in text.split(_CELL)])
            return
        first = " " * block.indent
        hang = block.indent
        if self._head and len(self._head) < block.indent:
            first = self._head.ljust(block.indent)
        elif self._head:
            self.lines.append(self._head)
        elif self._section == "SYNOPSIS":
            hang += len(self.name) + 1
        if text or self._head:
            self.lines += _filled(text.split(), first, hang, self.width)
        self._head = ""

    def _macro(self, macro: str, arguments: list[str]) -> None:
        if macro == "Sh" or macro == "Ss":
            self._heading(macro, arguments)
        elif macro == "Pp":
            self._paragraph()
        elif macro == "Bl" or macro == "Bd":
            self._open(macro, arguments)
        elif macro == "El" or macro == "Ed":
            self._close()
        elif macro == "It":
            self._item(arguments)
        elif macro == "Dl" or macro == "D1":
            self.flush()
            text = self._inline(arguments).replace(_GLUE, "")
            self._put(text, self._blocks[-1].indent + _INDENT)
        elif macro == "Ex":
            self._words.append(f"The {self.name} utility exits 0 on success, and >0 on an error.")
        elif macro not in _NOTHING:
            if macro == "Nm":
                self.name = self.name or " ".join(arguments)
                if self._section == "SYNOPSIS":
                    self.flush()
            self._words.append(self._inline([macro, *arguments]))

    def _heading(self, macro: str, arguments: list[str]) -> None:
        self._paragraph()
        del self._blocks[1:]
        title = read_characters(" ".join(arguments))
        if macro == "Sh":
            self._section = title
        self._put(title, 0 if macro == "Sh" else _INDENT // 2)

    def _paragraph(self) -> None:
        self.flush()
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def _open(self, macro: str, arguments: list[str]) -> None:
        kind = arguments[0].lstrip("-") if arguments else "item"
        compact = "-compact" in arguments
        offset = _INDENT if "-offset" in arguments else 0
        indent = self._blocks[-1].indent + offset
        if macro == "Bd":
            self._paragraph() if not compact else self.flush()
            kind = "literal" if kind in ("literal", "unfilled") else "filled"
        else:
            self._paragraph() if kind == "column" and not compact else self.flush()
            if kind in ("tag", "hang"):
                width = arguments[arguments.index("-width") + 1] if "-width" in arguments else ""
                room = len(read_characters(width)) if width not in ("", "Ds", "indent") else 6
                indent += min(room, 16) + 2
            elif kind in ("bullet", "dash", "enum"):
                indent += 3
        self._number = 0
        self._blocks.append(_Block(kind, indent, compact))

    def _close(self) -> None:
        self.flush()
        if self._blocks[-1].kind == "column":
            for row in _aligned(self._rows):
                self._put(row, self._blocks[-1].indent)
            self._rows = []
        if len(self._blocks) > 1:
            self._blocks.pop()

    def _item(self, arguments: list[str]) -> None:
        block = self._blocks[-1]
        if block.compact or block.kind == "column":
            self.flush()
        else:
            self._paragraph()
        outside = " " * self._blocks[-2].indent
        self._number += 1
        if block.kind in ("bullet", "dash"):
            self._head = outside + "•"
        elif block.kind == "enum":
            self._head = f"{outside}{self._number}."
        elif block.kind == "column":
            self._words.append(self._inline(arguments))
        else:
            self._head = outside + self._inline(arguments).replace(_GLUE, "")

    def _put(self, text: str, indent: int) -> None:
        self.lines.append((" " * indent + text).rstrip())

    def _inline(self, arguments: list[str]) -> str:
        """Arguments, macros among them, as text."""
        pieces: list[str] = []
        ends: list[str] = []
        macro = ""
        fresh = False  # a macro has been named and had no argument yet

        def finish() -> None:
            if fresh and macro in ("Fl", "Ar", "Nm"):
                pieces.append({"Fl": "-", "Ar": "file ...", "Nm": self.name}[macro])

        rest = list(arguments)
        tail: list[str] = []
        while rest and len(rest[-1]) == 1 and rest[-1] in ".,:;)]?!":
            tail.insert(0, rest.pop())
        for word in rest:
            if word in _INLINE:
                finish()
                macro, fresh = word, True
                if word in _AROUND:
                    pieces.append(_AROUND[word][0] + _GLUE)
                    ends.insert(0, _GLUE + _AROUND[word][1])
                elif word in _OPEN:
                    pieces.append(_OPEN[word] + _GLUE)
                elif word in _CLOSE:
                    pieces.append(_GLUE + _CLOSE[word])
                elif word in ("Ns", "Ap", "Ta", "Nd"):
                    pieces.append(
                        {"Ns": _GLUE, "Ap": f"{_GLUE}'{_GLUE}", "Ta": _CELL, "Nd": "–"}[word]
                    )
                continue
            text = read_characters(word)
            if len(word) == 1 and word in ".,:;)]?!|":
                finish()
                pieces.append(text if word == "|" else _GLUE + text)
            elif len(word) == 1 and word in "([":
                pieces.append(text + _GLUE)
                continue
            elif macro == "Fl":
                pieces.append("-" + text)
            elif macro == "Xr" and not fresh:
                pieces.append(f"{_GLUE}({text})")
            elif macro == "Pf" and fresh:
                pieces.append(text + _GLUE)
            else:
                pieces.append(text)
            fresh = False
        finish()
        joined = " ".join([*pieces, *ends, *(_GLUE + read_characters(mark) for mark in tail)])
        return re.sub(f" *{_GLUE} *", _GLUE, joined)


def _arguments(line: str) -> list[str]:
    words = [
        plain or quoted.replace('""', '"')
        for quoted, plain in re.findall(r'"((?:[^"]|"")*)"?|((?:\\ |\S)+)', line)
    ]
    return words or ["Pp"]


def _filled(words: list[str], first: str, hang: int, width: int) -> list[str]:
    lines: list[str] = []
    line, empty = first, True
    for word in words:
        if not empty and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, empty = " " * hang, True
        line += word if empty else " " + word
        empty = False
    return [*lines, line.rstrip()] if line.strip() else lines


def _aligned(rows: list[list[str]]) -> list[str]:
    count = max((len(row) for row in rows), default=0)
    padded = [row + [""] * (count - len(row)) for row in rows]
    widths = [max(len(row[i]) for row in padded) for i in range(count)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in padded]
