"""A depfile is read by make, so make is asked what it read."""

import os
import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gage.depfile import format_depfile
from gage.errors import StateError

NAMES = [
    "plain",
    "sp ace",
    "a#b",
    "a$b$(HOME)c",
    "a:b",
    "a=b",
    "a:=b",
    "a\\ b",
    "a\\b",
    "a\\:b",
    "a*b",
    "a?[b]",
    "a~",
    "'a\"",
    "a (1).txt",
    "&a",
    b"\xff\xfe".decode("utf-8", "surrogateescape"),
]


def is_made_again(folder):
    """Whether make, in *folder*, finds the target out of date."""
    made = subprocess.run(["make", "-s", "-q", "target"], cwd=folder, capture_output=True)
    assert made.returncode in (0, 1), made.stderr
    return made.returncode == 1


def write_rule(folder, files):
    rule = format_depfile("target", files).encode("utf-8", "surrogateescape")
    (folder / "Makefile").write_bytes(b"target:\n\ttouch target\n\n" + rule)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_changes_or_goes_makes_its_target_out_of_date(tmp_path, name):
    for path, when in [("target", 1000), (name, 500), ("other", 500)]:
        (tmp_path / path).touch()
        os.utime(tmp_path / path, (when, when))
    write_rule(tmp_path, ["other", name])
    assert not is_made_again(tmp_path)
    os.utime(tmp_path / name, (2000, 2000))
    assert is_made_again(tmp_path)
    os.unlink(tmp_path / name)
    assert is_made_again(tmp_path)


@settings(max_examples=40)
@given(st.text("ab \\#$:=*?[]~,'\"&{}!@-+.^<>`()", min_size=1, max_size=6))
def test_any_name_is_read_as_it_is_or_refused(tmp_path, name):
    assume(name not in (".", "..", "target", "Makefile", "other"))
    (tmp_path / "target").touch()
    os.utime(tmp_path / "target", (1000, 1000))
    (tmp_path / name).touch()
    try:
        os.utime(tmp_path / name, (500, 500))
        try:
            write_rule(tmp_path, [name])
        except StateError:
            return
        assert not is_made_again(tmp_path)
        os.utime(tmp_path / name, (2000, 2000))
        assert is_made_again(tmp_path)
    finally:
        os.unlink(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["new\nline", "a;b", "a|b", "a%b", "a\tb", "end ", "end\\", "a(b)", "a&", "*\\:", "~a"]
)
def test_a_name_that_make_would_misread_is_refused(name):
    with pytest.raises(StateError) as caught:
        format_depfile("target", ["fine", name])
    assert caught.value.message == f"{name}: make cannot be told this name"


def test_the_rule_is_plain_where_names_are():
    assert format_depfile("runs/a.meta/stopped", ["a.py", "b.py"]) == (
        "runs/a.meta/stopped: \\\n a.py \\\n b.py\n\na.py:\n\nb.py:\n"
    )
