r"""Shell text with values put into it, each of them one literal whatever it holds.

The text is read as sh(1) reads it, as far as needed to know what surrounds a ``${name}``:

* between words and in them, ``$(...)`` included: the value is quoted;
* within ``"..."``: what is special there gets a backslash;
* within ``'...'``: a quote in the value is written ``'\''``;
* within ``$((...))``: whole numbers are taken and nothing else;
* in a comment ``${name}`` stays as it is.

Anywhere else (behind a backslash, in a here-document, and behind what this reader does not
understand: a command in backquotes that holds quotes, ``$'...'``, ``case`` in ``$(...)``) a
value is refused, not guessed at. Every such refusal is there for a shell that could be made
to run the value. ``$${`` is a plain ``${``.
"""

import re
from collections.abc import Callable

from gage.errors import ConfigError

NAME = r"""\$\{((?:"(?:[^"\\]|\\.)*"|[^{}"'`$\\\s])+)\}"""
"""``${name}``; as in config, a part of the name that is odd is a JSON string."""

_TOKEN = re.compile(rf"\$\$\{{|{NAME}|\$\{{")
_EXPANSION = re.compile(r"\$\$(\{[^{}'\"`\\$\n]*\})")
_BACKQUOTED = re.compile(r"`[^`'\"\\$#<]*`")
_HERE = re.compile(r"""<<(-?)[ \t]*(?:'(\w+)'|"(\w+)"|\\(\w+)|(\w+))(?=[\s;&|]|$)""")
_WORD_ENDS = " \t\n;&|()<>"
_BARE = re.compile(r"[A-Za-z0-9_@%+:./-]+")
_RESERVED = frozenset(
    "if then else elif fi do done case esac while until for in function select time coproc".split()
)


def fill_text(text: str, value_of: Callable[[str], str]) -> str:
    """*text* with every ``${name}`` replaced by what *value_of* says, for where no shell is."""

    def filled(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        return value_of(_name(match, text))

    return _TOKEN.sub(filled, text)


def fill_shell(text: str, value_of: Callable[[str], str]) -> str:
    """The shell text *text* with every ``${name}`` replaced by the value, as a literal.

    Raises ConfigError where a value cannot safely be put.
    """
    return _Shell(text, value_of).filled()


class _Shell:
    """One reading of a shell text; ``contexts`` is what the reader stands in, innermost last."""

    def __init__(self, text: str, value_of: Callable[[str], str]) -> None:
        self.text = text
        self.value_of = value_of
        self.out: list[str] = []
        self.at = 0
        self.contexts = ["code"]
        self.parens = [0]
        self.new_word = True
        self.here: list[tuple[str, bool, bool]] = []
        self.lost = ""

    def filled(self) -> str:
        while self.at < len(self.text):
            if not self.lost:
                self._step()
            else:
                rest = self.text[self.at :]
                if match := next((m for m in _TOKEN.finditer(rest) if m.group() != "$${"), None):
                    raise self._refused(match, f"behind {self.lost}")
                self._emit(len(rest), rest.replace("$${", "${"))
        return "".join(self.out)

    def _step(self) -> None:
        text, at, context = self.text, self.at, self.contexts[-1]
        if text.startswith("$${", at):
            self._literal_brace(context)
        elif match := _TOKEN.match(text, at):
            self._put(match, context)
        elif text[at] == "\n" and self.here and len(self.contexts) > 1:
            self._lose("a here-document")
        elif context == "'":
            self._emit(1)
            if text[at] == "'":
                self._leave()
        elif context == "((":
            self._in_arithmetic(text[at])
        elif text[at] == "\\":
            self._backslash()
        elif text[at] == "`":
            match = _BACKQUOTED.match(text, at)
            self._emit(match.end() - at) if match else self._lose("a backquote")
        elif text.startswith("$((", at):
            self._enter("((", 3)
        elif text.startswith("$(", at):
            self._enter("code", 2)
        elif context == '"':
            self._emit(1)
            if text[at] == '"':
                self._leave()
        else:
            self._in_code(text[at])

    def _in_code(self, char: str) -> None:
        text, at, nested = self.text, self.at, len(self.contexts) > 1
        if char == "'" and text[at - 1 : at] == "$":
            self._lose("$'")
        elif char in "'\"":
            self._enter(char, 1)
        elif char == "#" and self.new_word:
            end = text.find("\n", at)
            self._emit((end if end >= 0 else len(text)) - at)
        elif text.startswith("<<<", at):
            self._emit(3)
        elif text.startswith("<<", at):
            self._here_document(nested)
        elif char == "\n" and self.here:
            self._here_bodies()
        elif nested and self.new_word and re.match(r"case\b", text[at : at + 5]):
            self._lose("`case` in $(...)")
        elif nested and char == ")" and not self.parens[-1]:
            self._emit(1)
            self._leave()
        else:
            self.parens[-1] += (char == "(") - (char == ")")
            self._emit(1)
            self.new_word = char in _WORD_ENDS

    def _in_arithmetic(self, char: str) -> None:
        text, at = self.text, self.at
        closes = char == ")" and not self.parens[-1]
        if closes and text.startswith("))", at):
            self._emit(2)
            self._leave()
        elif closes or char in "'\"`\\" or text.startswith(("$(", " #", "\t#", "\n#"), at):
            self._lose("$((")
        else:
            self.parens[-1] += (char == "(") - (char == ")")
            self._emit(1)

    def _backslash(self) -> None:
        text, at = self.text, self.at
        following = text[at + 1 : at + 2]
        if text.startswith("$${", at + 1):
            self._emit(4, "\\${")
            self.new_word = False
        elif match := _TOKEN.match(text, at + 1):
            raise self._refused(match, "behind a backslash", "a plain ${ is written $${")
        elif following == "\n" and (self.here or text[at - 1 : at] not in (" ", "\t")):
            # Joined lines can make a `$(` or a `case` that is in neither of them.
            self._lose("a line that goes on within a word")
        else:
            self._emit(2)
            self.new_word = self.new_word and following == "\n"

    def _literal_brace(self, context: str) -> None:
        match = _EXPANSION.match(self.text, self.at)
        if context == "'":
            self._emit(3, "${")
        elif match:
            self._emit(match.end() - self.at, "$" + match[1])
        else:
            self._emit(3, "${")
            self._lose("a $${ that holds quotes or braces")
        self.new_word = False

    def _put(self, match: re.Match[str], context: str) -> None:
        value = self.value_of(_name(match, self.text))
        if self.here and "\n" in value:
            raise self._refused(match, "in the line of a here-document, and has lines")
        if context == "'":
            value = value.replace("'", "'\\''")
        elif context == '"':
            value = re.sub(r'([\\"$`])', r"\\\1", value)
        elif context == "((":
            if not re.fullmatch(r"0|-?[1-9][0-9]*", value):
                raise self._refused(match, "in $((...)), and is no whole number")
            value = f"({value})" if value.startswith("-") else value
        elif not self._may_be_bare(value, match):
            value = "'" + value.replace("'", "'\\''") + "'"
        self._emit(match.end() - match.start(), value)
        self.new_word = False

    def _may_be_bare(self, value: str, match: re.Match[str]) -> bool:
        # `2>f`, `[a-z]`, `i` + `f` mean another thing than '2'>f, [a'-'z] and i'f'.
        before = self.text[: match.start()][-1:]
        after = self.text[match.end() :][:1]
        alone = before in ("", " ", "\t", "\n", "=") and after in ("", *" \t\n;&|)")
        return alone and bool(_BARE.fullmatch(value)) and value not in _RESERVED

    def _here_document(self, nested: bool) -> None:
        match = _HERE.match(self.text, self.at)
        if nested or not match:
            self._lose("a here-document")
        else:
            literal = match[2] or match[3] or match[4]
            self.here.append((literal or match[5], match[1] == "-", bool(literal)))
            self._emit(match.end() - self.at)
            self.new_word = False

    def _here_bodies(self) -> None:
        self._emit(1)
        for word, tabs, literal in self.here:
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                line = self.text[self.at : end if end >= 0 else len(self.text)]
                if match := next((m for m in _TOKEN.finditer(line) if m.group() != "$${"), None):
                    raise self._refused(match, "in a here-document")
                if line.endswith("\\") and not literal:
                    self._lose("a line of a here-document that goes on")
                    return
                self._emit(len(line) + (end >= 0), line.replace("$${", "${") + "\n" * (end >= 0))
                if (line.lstrip("\t") if tabs else line) == word:
                    break
        self.here = []
        self.new_word = True

    def _emit(self, count: int, text: str | None = None) -> None:
        self.out.append(self.text[self.at : self.at + count] if text is None else text)
        self.at += count

    def _enter(self, context: str, count: int) -> None:
        self._emit(count)
        self.contexts.append(context)
        self.parens.append(0)
        self.new_word = context == "code"

    def _leave(self) -> None:
        self.contexts.pop()
        self.parens.pop()
        self.new_word = False

    def _lose(self, what: str) -> None:
        self.lost = what

    def _refused(self, match: re.Match[str], where: str, hint: str = "") -> ConfigError:
        name = _name(match, match.string)
        return ConfigError(
            f"${{{name}}} stands {where}, where a shell could take a value for a command",
            hint or 'use the variable of the flag there, as "$FLAG_NAME"',
        )


def _name(match: re.Match[str], text: str) -> str:
    if match[1] is None:
        near = text[match.start() : match.start() + 20].split("\n")[0]
        raise ConfigError(f"{near}: no name in braces", "a plain ${ is written $${")
    return match[1]
