import json
import os
import re
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.facts import append, format_json, log_action, put_fact, put_json, remove_fact
from gage.run import Run, read_fact, run_meta_path
from tests.nobody import ordinary_place

# Every code point there is: JSON may hold halves of surrogate pairs, and names any byte.
texts = st.text(st.characters())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def run(tmp_path) -> Run:
    os.mkdir(tmp_path / "one.meta")
    return Run(str(tmp_path / "one"), "", None, "none")


@given(values)
def test_any_json_reads_back_as_itself(run, value):
    put_json(run, "value.json", value=value)
    assert json.loads(read_fact(run, "value.json") or "") == value


def test_json_is_for_eyes_too():
    assert (
        format_json({"name": "Grüße", "none": None}) == '{\n  "name": "Grüße",\n  "none": null\n}'
    )


def test_a_fact_is_read_only_from_the_first(run):
    before = os.umask(0o002)
    try:
        put_fact(run, "proc", "exit", text="0")
    finally:
        os.umask(before)
    path = run_meta_path(run, "proc", "exit")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o444
    assert read_fact(run, "proc", "exit") == "0"
    remove_fact(run, "proc", "exit")
    remove_fact(run, "proc", "exit")
    assert not os.path.exists(path)


@given(texts)
def test_an_action_is_one_line_of_the_log(run, message):
    remove_fact(run, "log", "runner")
    log_action(run, message)
    with open(run_meta_path(run, "log", "runner"), "rb") as file:
        log = file.read()
    assert re.fullmatch(rb"\d{4}-\S+Z [^\n]*\n", log)


def test_the_log_is_appended_to(run):
    log_action(run, "one", lambda: 0)
    log_action(run, "two\nlines", lambda: 1)
    assert (read_fact(run, "log", "runner") or "").split("\n") == [
        "1970-01-01T00:00:00.000000Z one",
        "1970-01-01T00:00:00.000001Z two\\nlines",
    ]


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022])
def test_others_never_write_to_a_log(run, umask):
    before = os.umask(umask)
    try:
        append(run, "log", "files", data=b"x\n")
    finally:
        os.umask(before)
    mode = stat.S_IMODE(os.stat(run_meta_path(run, "log", "files")).st_mode)
    assert mode == 0o664 & ~umask


def test_a_log_that_was_sealed_is_opened_again():
    # A finalize that was stopped after it sealed the facts has more to say the next time.
    with ordinary_place() as place:
        run = Run(os.path.join(place, "one"), "", None, "none")
        os.mkdir(run.meta_dir)
        append(run, "log", "runner", data=b"one\n")
        os.chmod(run_meta_path(run, "log", "runner"), 0o444)
        append(run, "log", "runner", data=b"two\n")
        assert read_fact(run, "log", "runner") == "one\ntwo"


def test_a_log_does_not_bring_back_a_meta_dir_that_is_gone(tmp_path):
    run = Run(str(tmp_path / "one"), "", None)
    with pytest.raises(FileNotFoundError):
        log_action(run, "x")
    with pytest.raises(FileNotFoundError):
        put_fact(run, "proc", "exit", text="0")
    assert not os.path.exists(run.meta_dir)


def test_a_log_that_became_a_link_is_not_followed(run, tmp_path):
    (tmp_path / "sentinel").write_text("mine")
    os.mkdir(run_meta_path(run, "log"))
    os.symlink(tmp_path / "sentinel", run_meta_path(run, "log", "runner"))
    with pytest.raises(OSError, match="symbolic links"):
        log_action(run, "x")
    assert (tmp_path / "sentinel").read_text() == "mine"
