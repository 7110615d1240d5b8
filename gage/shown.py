"""Text as it is shown: what could move a cursor, or cannot be printed, is escaped as in C."""


def shown(text: str) -> str:
    """*text* with everything escaped that could move a cursor, or is no text, but newlines."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def shown_line(text: str) -> str:
    """*text* as it can stand in one line."""
    return text if text.isprintable() else shown(text).replace("\n", "\\n")


def escaped(text: str) -> str:
    """*text* on one line from which it can be read back: backslashes are escaped, too."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(c if c.isprintable() and c != "\\" else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
