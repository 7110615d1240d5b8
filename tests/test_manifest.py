"""The manifest as a format: what is written reads back, and coreutils can check it."""

import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import StateError
from gage.manifest import (
    Changes,
    Entry,
    compare,
    escape_line,
    format_entry,
    format_manifest,
    is_run_path,
    parse_entry,
    parse_manifest,
    read_manifest,
    unescape_line,
)
from gage.opref import OpRef
from gage.run import make_run

SHA = "3f9c639e1d6b056c071b44752ea97c694127291443065afa2689bf78ef3b8fb0"

names = (
    st.binary(min_size=1, max_size=12)
    .map(lambda raw: raw.replace(b"\0", b"\n").replace(b"/", b"\\"))
    .filter(lambda raw: raw not in (b".", b".."))
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
digests = st.sampled_from([SHA, f"blake3:{SHA}", f"link:{SHA}"])
entries = st.builds(Entry, st.sampled_from("sdrg"), digests, paths)


@given(st.lists(entries))
def test_every_manifest_reads_back_as_it_was_written(manifest):
    text = format_manifest(manifest).decode("utf-8", "surrogateescape")
    assert parse_manifest(text) == manifest
    assert text.count("\n") == len(manifest)


@given(entries)
def test_every_entry_is_one_line(entry):
    line = format_entry(entry)
    assert "\n" not in line
    assert parse_entry(line) == entry


@given(st.sampled_from(["", "a s 12 ", "missing "]), paths)
def test_a_line_with_other_fields_is_escaped_alike(fields, path):
    assert unescape_line(escape_line(fields, path)) == fields + path


@given(st.text())
def test_any_text_is_a_manifest_or_refused(text):
    try:
        parsed = parse_manifest(text)
    except StateError:
        return
    assert all(is_run_path(entry.path) for entry in parsed)


def test_a_plain_entry_is_written_as_it_is():
    assert format_entry(Entry("s", SHA, "say.py")) == f"s {SHA} say.py"


def test_a_path_with_a_newline_is_escaped_as_sha256sum_does():
    assert format_entry(Entry("g", SHA, "a\\b\nc\rd")) == f"\\g {SHA} a\\\\b\\nc\\rd"


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "./a", "a//b", "a/", "a/.", ".", "..", "a\0b"]
)
def test_a_path_that_is_not_within_a_run_is_refused(path):
    with pytest.raises(StateError, match="not a path within a run dir"):
        parse_entry(f"s {SHA} {path}")


@pytest.mark.parametrize(
    "line",
    ["", "s", f"s {SHA}", f"x {SHA} a", f"s {SHA[1:]} a", f"s {SHA.upper()} a", f"\\s {SHA} \\t"],
)
def test_a_line_that_is_no_entry_is_refused(line):
    with pytest.raises(StateError):
        parse_entry(line)


def test_a_damaged_line_is_named(tmp_path):
    run = make_run(OpRef("", "test"), str(tmp_path), name="one")
    (tmp_path / "one.meta").mkdir()
    (tmp_path / "one.meta" / "manifest").write_text(f"s {SHA} a\nrubbish\n")
    with pytest.raises(StateError, match=r"one\.meta/manifest: line 2: 'rubbish'"):
        read_manifest(run)


def test_a_run_without_a_manifest_is_not_staged_yet(tmp_path):
    run = make_run(OpRef("", "test"), str(tmp_path), name="one")
    with pytest.raises(StateError, match="not staged yet"):
        read_manifest(run)


def test_a_run_may_have_no_files(tmp_path):
    run = make_run(OpRef("", "test"), str(tmp_path), name="one")
    (tmp_path / "one.meta").mkdir()
    (tmp_path / "one.meta" / "manifest").write_bytes(format_manifest([]))
    assert read_manifest(run) == []


def test_sha256sum_checks_a_manifest(tmp_path: Path):
    listed = []
    for name in [
        "plain",
        "two  spaces ",
        "back\\slash",
        "new\nline",
        "car\rriage",
        b"\xff".decode("utf-8", "surrogateescape"),
    ]:
        (tmp_path / name).write_bytes(name.encode("utf-8", "surrogateescape"))
        digest = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        listed.append(Entry("g", digest, name))
    derived = re.sub(rb"(?m)^(\\?)[sdrg] ([0-9a-f]{64}) ", rb"\1\2  ", format_manifest(listed))
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", "-"], input=derived, cwd=tmp_path, capture_output=True
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(b": OK") == len(listed)


def test_files_are_compared_with_the_manifest():
    manifest = [Entry("s", SHA, "same"), Entry("s", SHA, "other"), Entry("g", SHA, "gone")]
    now = {"new": SHA, "same": SHA, "other": f"blake3:{SHA}"}
    assert compare(manifest, now) == Changes(["new"], ["other"], ["gone"])
