"""What a run is named, or wrote, and a terminal: it is shown, and steers nothing."""

import json
import os
import re
import unicodedata

import pytest

from gage.opref import OpRef, format_opref
from gage.run import Run
from gage.said import add_comment, add_tags, set_label
from tests.pipelines import Project
from tests.porcelain.place import at_work, gage, gage_on_terminal, put, write_run, write_steps
from tests.programs import QUICK, write

EVIL = (
    "\x1b]0;owned\x07" "\x1b]52;c;b3duZWQ=\x07" "\x1b[2J\x1b[31m" "[red]" "\x9b31m" "\x85"
    "\u202eodd\u202c\u2066x\u2069" "\u200b\u200f\ufeff" "\ue000" "\u2028" "\r\b\b\x7f\x00\x0c"
    "\udc9b"
)  # fmt: skip
"""Titles, clipboard, colour, markup, C1, bidi, zero width, private, line ends, no UTF-8."""

NAME = EVIL.replace("\x00", "") + "\nhint: rm -rf ~"
"""The same for a file, with a line of its own."""


def steering(text: str) -> list[str]:
    """The characters of *text* that a terminal would obey, or nobody would see."""
    text = text.replace("\r\n", "\n")
    bad = ("Cc", "Cf", "Co", "Cn", "Zl", "Zp", "Cs")
    return sorted({ascii(c) for c in text if c != "\n" and unicodedata.category(c) in bad})


def shown(*words: str, cwd: str, answers: dict[str, str] | None = None, code: int = 0) -> str:
    """What gage shows on a terminal that takes no colour, and that it steers nothing."""
    env = QUICK | {"NO_COLOR": "1", "GAGE_RUNS": os.path.join(cwd, "runs")}
    text, ended = gage_on_terminal(*words, cwd=cwd, columns=5000, answers=answers, env=env)
    if words[0] == "log":
        text = re.sub("\x1b\\[[0-9;]*m", "", text)  # it may colour what it shows
    assert steering(text) == [], words
    assert ended == code, (words, text)
    assert not re.search("^hint: rm", text, re.MULTILINE), words
    return text


@pytest.fixture
def place(tmp_path: object) -> str:
    """A directory with two runs in ``runs`` that are hostile in all that can be said of them."""
    home = os.path.join(str(tmp_path), "runs")
    for number in (1, 2):
        config = {EVIL: EVIL + str(number), "x": "[red]" + EVIL}
        id = write_run(
            home,
            number,
            config=config,
            given=[EVIL],
            files={NAME: b"x", "sub/" + NAME: b"y" * number},
            output=EVIL.encode("utf-8", "surrogateescape") + str(number).encode() + b"\n",
            facts={
                "opref": format_opref(OpRef(EVIL, EVIL)),
                "proc/cmd.json": json.dumps(["echo", EVIL, NAME + str(number)]),
                "proc/env.json": json.dumps({"A" + EVIL: EVIL + str(number)}),
                "sys/host.json": json.dumps(EVIL),
                "sys/project.json": json.dumps("/" + EVIL),
                "summary.json": json.dumps(
                    {"metrics": {EVIL: number}, "attributes": {EVIL: EVIL + str(number)}}
                ),
                "dependencies.json": json.dumps(
                    [{"path": NAME, "file": EVIL, "run": EVIL, "operation": EVIL, "digest": "x"}]
                ),
                "log/runner": f"2025-11-21T12:00:00.000000Z {EVIL}",
            },
        )
        run = Run(os.path.join(home, id), id, None, "none")
        set_label(run, EVIL.replace("\x00", "") + str(number))
        add_tags(run, ["tag" + re.sub(r"[\s\x00]", "", EVIL)])
        add_comment(run, "first\n" + EVIL)
    return str(tmp_path)


@pytest.mark.parametrize(
    "words",
    ["runs", "runs -s", "show", "ls", "ls -n", "ls -a", "log", "select", "runs --json",
     "show --json", "ls --json", "select --dir", "status runs/{0}", "manifest runs/{0}",
     "ls-runs --runs runs", "ls-runs --runs runs --format %(opref)%(label)",
     "read-config -C . odd.yaml"],
)  # fmt: skip
def test_no_listing_lets_a_run_steer_the_terminal(place: str, words: str) -> None:
    with open(os.path.join(place, "odd.yaml"), "w", encoding="utf-8") as file:
        file.write('"a\\e[31m\\x9b": "\\e]0;x\\a"\n')
    id = "0002" * 8
    text = shown(*words.format(id).split(), cwd=place)
    if "--json" in words:
        assert [json.loads(line) for line in text.splitlines()]
    elif words not in ("select", "select --dir", "status runs/{0}", "ls-runs --runs runs"):
        assert "\\x1b" in text or "\\u001b" in text, "it is shown, and escaped"


@pytest.mark.parametrize("words", ["runs diff", "runs diff --json"])
def test_no_difference_lets_a_run_steer_the_terminal(place: str, words: str) -> None:
    text = shown(*words.split(), cwd=place, code=1)
    assert "\\x1b" in text or "\\u001b" in text


@pytest.mark.parametrize(
    "words",
    [
        ("select", "00"),
        ("select", EVIL.replace("\x00", "")),
        ("cat", "0002", NAME + "x"),
        ("runs", "-Fe", NAME),
        ("runs", "-Fs", NAME),
        ("runs", "--started", NAME),
        ("runs", "--" + NAME),
        (NAME,),
        ("-C", NAME, "runs"),
        ("show", "--runs", NAME, "x"),
        ("restart", NAME),
        ("run", "-y", NAME),
        ("run", "-y", "x=" + NAME),
        ("runs", "tag", NAME),
        ("log", "--phase", NAME),
        ("status", NAME),
        ("exec", "--" + NAME),
        ("stage", NAME, "--phase", NAME),
        ("init", NAME, NAME),
        ("init", "r", "--opdef", NAME),
        ("read-config", NAME),
        ("output", "runs/" + "0002" * 8, "--phase", NAME),
    ],
)
def test_no_error_lets_a_name_steer_the_terminal(place: str, words: tuple[str, ...]) -> None:
    env = QUICK | {"NO_COLOR": "1", "GAGE_RUNS": os.path.join(place, "runs")}
    text, code = gage_on_terminal(*words, cwd=place, columns=5000, env=env)
    assert steering(text) == []
    assert code not in (0, 3), text
    assert not re.search("^hint: rm", text, re.MULTILINE), text


@pytest.mark.parametrize("verb", ["rm", "purge", "stop"])
def test_no_question_lets_a_run_steer_the_terminal(place: str, verb: str) -> None:
    home, id = os.path.join(place, "runs"), "0002" * 8
    env = {"GAGE_RUNS": home}
    if verb == "purge":
        gage("runs", "rm", "-y", "0002", cwd=place, env=env)
    if verb == "stop":
        os.remove(os.path.join(home, id + ".meta", "proc", "exit"))
    with at_work(home, id):
        text = shown("runs", verb, "0002", cwd=place, answers={"[y/N] ": "n\n"}, code=1)
    assert "\\x1b" in text and "[y/N] n" in text


def test_what_a_run_says_while_it_is_made_steers_nothing(tmp_path: object) -> None:
    description = EVIL.replace("\udc9b", "").replace("\x00", "")
    project = Project(os.path.join(str(tmp_path), "project"), "")
    gage_file = {
        "t": {
            "description": description,
            "exec": ["true", description],
            "flags": {"a": description, "b": 1},
            "label": description.replace("\n", ""),
            "metrics": {description: "(" * 3 + description},
        },
        "p": {
            "steps": [
                {"run": "t", "flags": {"a": description}},
                {"run": "t", "name": "x\x9b\u202e"},
            ]
        },
        "bad": {"exec": [f"${{{description}}}"], "depends": [{"files": description}]},
    }  # fmt: skip
    os.remove(os.path.join(project.path, "gage.yaml"))
    project.write("gage.json", json.dumps(gage_file))
    assert "\\x1b" in shown("check", cwd=project.path, code=30)
    del gage_file["t"]["metrics"], gage_file["bad"]
    project.write("gage.json", json.dumps(gage_file))
    write(os.path.join(project.path, "big" + description), "x" * 1_100_000)
    write(os.path.join(project.path, "small" + NAME), "x")
    assert "\\x1b" in shown("ops", "-v", cwd=project.path)
    assert "\\x1b" in shown("run", "--preview", "t", cwd=project.path)
    # The names of what the shell would read stay what they are: it is a script.
    text = shown("run", "t", cwd=project.path, answers={"[Y/n] ": "\n"})
    assert "left out" in text and "\\x1b" in text
    text = shown("run", "-y", "--raw", "p", cwd=project.path)
    assert text.count("INFO: [gage] running") == 2
    text = shown("restart", "--raw", "p", cwd=project.path, answers={"[Y/n] ": "\n"})
    assert text.count("INFO: [gage] restarting") == 2
    assert "\\x1b" in shown("runs", cwd=project.path)


def test_the_steps_of_a_pipeline_steer_nothing(tmp_path: object) -> None:
    home = os.path.join(str(tmp_path), "runs")
    parent, passed, _ = write_steps(home)
    put(os.path.join(home, passed + ".meta", "opref"), b'2 "a\\u001b[31m" "b\\u202e"\n')
    os.symlink("../" + "9" * 32, os.path.join(home, parent, NAME))
    text = shown("show", parent, cwd=str(tmp_path))
    assert "\\x1b" in text
    shown("ls", parent, cwd=str(tmp_path))
    shown("link-steps", "runs/" + parent, cwd=str(tmp_path))


def test_the_bytes_are_there_for_who_wants_them(place: str) -> None:
    env = {"GAGE_RUNS": os.path.join(place, "runs")}
    raw = EVIL.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    assert gage("log", cwd=place, env=env).out == f"{raw}2\n"
    assert gage("ls", "-n", "-z", cwd=place, env=env).out.split("\0")[0] == NAME
    assert gage("cat", "0002", NAME, cwd=place, env=env).out == "x"
