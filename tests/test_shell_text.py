import os
import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gage.errors import ConfigError
from gage.shell_text import fill_shell, fill_text

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]

CANARY = "canary go"
HOSTILE = [
    "", " ", "a b", "*", "~", "$HOME", "-n", "'", '"', "\\", "`", "$", "#", "if", "2", "a=b", "{",
    "$(canary go)", "`canary go`", ";canary go;", "|canary go", "&canary go&", "\ncanary go\n",
    "';canary go;'", '";canary go;"', "\\';canary go", '\\";canary go', ")canary go", "EOF",
    "\nEOF\ncanary go\n", "a[$(canary go)]", "# x\ncanary go", "${x}", "$${x}", "!!", "é\udc80",
]  # fmt: skip
VALUES = st.sampled_from(HOSTILE) | st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

WORDS = [
    "${x}",
    "'${x}'",
    '"${x}"',
    '"$(shown ${x})"',
    '"$(shown "${x}")"',
    "\"$(: a; (shown '${x}'))\"",
    '"$(shown ${x} # don\'t mind ${x}\n)"',
    '"`true`${x}"',
    "$${none}${x}",
    '"$${none:-}${x}"',
    "''${x}''",
    "$(: $((1 + 1)))${x}",
]
"""Shell words that are the value and no more."""


def run(shell: str, text: str, cwd: object) -> subprocess.CompletedProcess[bytes]:
    """Run *text* where ``canary go`` leaves a file, ``shown`` prints and ``seen`` prints all."""
    begin = (
        'canary() { case "$1" in go*) : >canary ;; esac; }\n'
        'shown() { printf %s "$1"; }\nseen() { for a do printf \'%s\\0\' "$a"; done; }\n'
    )
    env = {"PATH": os.environ["PATH"], "HOME": "/home", "LC_ALL": "C.UTF-8"}
    argv = [shell, "-c", begin + text]
    return subprocess.run(
        argv, cwd=str(cwd), env=env, stdin=subprocess.DEVNULL, capture_output=True
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("word", WORDS)
@settings(max_examples=12)
@given(value=VALUES | TEXTS)
def test_a_command_gets_the_very_value_wherever_it_stands(
    tmp_path: object, shell: str, word: str, value: str
) -> None:
    text = fill_shell(f"seen begin {word} end", lambda name: value)
    expected = value.rstrip("\n") if "shown" in word else value
    words = run(shell, text, tmp_path).stdout.split(b"\0")[:-1]
    assert words == [b"begin", os.fsencode(expected), b"end"], text
    assert not os.path.exists(os.path.join(str(tmp_path), "canary")), text


FRAGMENTS = st.sampled_from(
    ["'", '"', "`", "$(", "$((", ")", "))", "(", "\\", "\n", "#", " ", " ", "<<E", "<<'E'", "<<-E",
     "\nE\n", "\tE\n", "$'", "case x in x) ", " ;; esac ", "$${", "$${v}", "$${v:-", "}", "echo ",
     "; ", "$", "<", "=", "a", "ca\\\nse", "\\\n", "$\\\n(", "1", "|cat", "&&", "{ ", " ;}", "[",
     "<<<", "if :; then ", "; fi", "${x}", "${x}", "${x}"]
)  # fmt: skip
NESTED = st.recursive(
    FRAGMENTS,
    lambda inner: st.builds(
        lambda form, parts: form.replace("@", "".join(parts)),
        st.sampled_from(['"@"', "'@'", "$(@)", "$((@))", "`@`", ": <<E\n@\nE\n", "(@)", "#@\n"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(parts=st.lists(NESTED, min_size=1, max_size=6), values=st.lists(VALUES, min_size=1))
@example(parts=["\\", "${x}"], values=["';canary go;'"])
@example(parts=["$", "'\\'", "${x}'"], values=[";canary go;"])
@example(parts=['"$(case x in x) ', "${x}", ' ;; esac)"'], values=[";canary go;"])
@example(parts=['"$(case x in x) echo;; esac; echo ', "${x}", ')"'], values=["$(canary go)"])
@example(parts=["cat <<E\n", "${x}\nE\n"], values=["$(canary go)"])
@example(parts=["cat <<E\na\\\nE\n", "'${x}'\nE\n"], values=["$(canary go)"])
@example(parts=["# ", "${x}"], values=["\ncanary go"])
@example(parts=[": \\\n# ", "${x}\n"], values=["\ncanary go"])
@example(parts=['echo "$\\\n(echo ', '${x})"'], values=[";canary go"])
@example(parts=['`echo "', '${x}"`'], values=["$(canary go)"])
@example(parts=["echo $((", "${x}", "))"], values=["a[$(canary go)]"])
def test_no_value_becomes_a_command_in_any_text(
    tmp_path: object, parts: list[str], values: list[str]
) -> None:
    for value in values[:1]:
        try:
            text = fill_shell("".join(parts), lambda name, value=value: value)
        except ConfigError:
            continue
        for shell in SHELLS:
            run(shell, text, tmp_path)
            assert not os.path.exists(os.path.join(str(tmp_path), "canary")), (shell, text)


@pytest.mark.parametrize(
    ("text", "value", "filled"),
    [
        ("python train.py --out ${x}", "model.bin", "python train.py --out model.bin"),
        ("python train.py --out=${x}", "a b", "python train.py --out='a b'"),
        ("echo ${x}", "", "echo ''"),
        ("echo ${x}", "if", "echo 'if'"),
        ("echo ${x}>f", "2", "echo '2'>f"),
        ("echo a${x}", "b", "echo a'b'"),
        ('"${x}"', 'a"$b`c\\', '"a\\"\\$b\\`c\\\\"'),
        ("'${x}'", "it's", "'it'\\''s'"),
        ("echo $((${x} * 2))", "-3", "echo $(((-3) * 2))"),
        ("# ${x}\necho", "\n", "# ${x}\necho"),
        ("echo $${HOME} '$${x}' \"$${x:-1}\"", "", "echo ${HOME} '${x}' \"${x:-1}\""),
        ("echo \\$${x}", "", "echo \\${x}"),
        ("echo $HOME a#b", "", "echo $HOME a#b"),
        ("cat <<E\n$${x} it's\nE\necho ${x}", "1", "cat <<E\n${x} it's\nE\necho 1"),
        ('echo ${"a b".c}', "1", "echo 1"),
    ],
)
def test_shell_text_is_filled(text: str, value: str, filled: str) -> None:
    assert fill_shell(text, lambda name: value) == filled


@pytest.mark.parametrize(
    "text",
    [
        "\\${x}",
        '"\\${x}"',
        "echo $'${x}'",
        "cat <<E\n${x}\nE\n",
        "cat <<'E'\n${x}\nE\n",
        "echo `echo ${x}`",
        "echo `echo 'a'` ${x}",
        "echo $${v:-'a'} ${x}",
        "echo $(case a in a) echo;; esac) ${x}",
        "echo $(cat <<E\na\nE\n) ${x}",
        "echo $(( `date` )) ${x}",
    ],
)
def test_a_value_is_refused_where_a_shell_could_run_it(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\$\{x\} stands"):
        fill_shell(text, lambda name: "1")


def test_only_whole_numbers_take_part_in_arithmetic() -> None:
    with pytest.raises(ConfigError, match="no whole number"):
        fill_shell("echo $((${x}))", lambda name: "0.5")


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${x"])
def test_braces_without_a_name_are_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="no name in braces") as raised:
        fill_shell(text, lambda name: "")
    assert raised.value.hint == "a plain ${ is written $${"
    with pytest.raises(ConfigError):
        fill_text(text, lambda name: "")


@given(TEXTS)
def test_where_no_shell_is_the_value_is_put_as_it_is(value: str) -> None:
    assert fill_text("a ${x} $${x} b", lambda name: value) == f"a {value} ${{x}} b"
