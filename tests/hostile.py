"""Values and names that are made to be taken for something else: for code, markup or syntax."""

COMMANDS = ("touch canary", ">canary")

FORMS = [
    "|@|", "||@", "&&@", "&@&", ";;@;;", "a|@", "a||@", "@", ";@;", "\n@\n", "$(@)", "`@`",
    "';@;'", '";@;"', "'$(@)'", '"$(@)"', "\\';@;\\'", '\\";@;\\"', '\'"$(@)"\'', ")@", ");@;(",
    "};@;{", ";; @ ;;", "${IFS}$(@)", "{@,}", "<(@)", ">(@)", "a[$(@)]", "$((a[$(@)]))",
    "EOF\n@", "#\n@", "\\\n@", "'\n@\n'", '"\n@\n"', "-c @", "--eval=@", "-exec @ \\;",
    "$(($(@)))", "${x:-$(@)}", "${x@P}$(@)", "!@", "~;@",
    '"; __import__(\'os\').system(\'@\'); "', "'; __import__('os').system('@'); '",
    '"+str(__import__(\'os\').system(\'@\'))+"', '"""\nimport os; os.system(\'@\')\n"""',
    "'''\nimport os; os.system('@')\n'''", "{__import__('os').system('@')}",
    "!!python/object/apply:os.system ['@']", "x: !!python/object/apply:os.system ['@']",
    "%sx @", "!@\n", '"}\n!@',
]  # fmt: skip
"""Places for a command, ``@``, in which some reader would run it."""

ODD = [
    "yes", "no", "on", "null", "~", "true", "1", "-1", "1.5", "1e3", "0x10", "0o7", ".inf",
    ".nan", "12:30", "2026-11-21", "[1,2]", "[", "]", "{a: 1}", "range[1:3]", "linspace[0:1:3]",
    "- a", "? a", ": a", "a: b", "a #b", "# a", "* a", "*a", "&a", "& a", "!a", "!!str a",
    "%YAML 1.1", "---", "...", "| a", "> a", "@a", "${f1}", "$${f1}", "$f1", "$FLAG_F1",
    "%(f1)s", "%s", "{f1}", "{0}", "{{f1}}", "\\N{DASH}", "\\u0041", "\\x41", "\\n", "|\\|'''",
    '"""', "''", '""', "-n", "--", "-", "-rf /", "/etc/passwd", "../..", "a=b", "=", "a b",
    " a", "a ", " ", "\t", "a\nb", "a", "\na", "a\r\nb", "a\rb", "\x0c", "\x0b", "\ufeffa",
    "\x85", "\u2028", "é", "日本", "🎉", "\u202ea", "\x1b[31m", "\x7f", "***", "[red]x[/red]",
    "<b>", "&amp;", "';--", "a\\'b", 'a\\"b', "$'a'", '$"a"', "`", "$(", "${", "$((", "))",
    'a\'b"c`d$e\\f!g*h?i[j]k{l}m~n;o&p', "q<r>s(t)u#v%w^x=y+z", "|", "||", "|x|", "a|b",
]  # fmt: skip
"""Texts that mean something to YAML, a shell, a regular expression, a template, a page."""

PUNCTUATION = [chr(c) for c in range(33, 127) if not chr(c).isalnum()]

VALUES = list(
    dict.fromkeys(
        [form.replace("@", command) for form in FORMS for command in COMMANDS]
        + ODD
        + [chr(c) for c in (*range(1, 32), 127)]
        + [mark * count for mark in PUNCTUATION for count in (1, 2, 3)]
        + ["x" * 5000, "'\"" * 500, "\\" * 501, "a" * 300 + "\n$(touch canary)"]
    )
)
"""Over 300 texts, without NUL and without what is no UTF-8."""

NAMES = [
    "$(touch canary)", "`touch canary`", ";touch canary;", "|touch canary", "&touch canary&",
    "a b", " a", "a ", "-n", "--help", "*", "?", "[a]", "~", "#a", "a=b", "'", '"', "\\", "$HOME",
    "${f1}",
    "$${f1}", "é", "\u202ea", "a:b", "!", "{a,b}", ">canary", "a\\nb", "***", "a|b", "%s", "(a)",
]  # fmt: skip
"""Names that a file, and a step, may have."""
