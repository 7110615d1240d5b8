"""Whose gage files are believed."""

import os

import pytest

from gage.errors import ConfigError
from gage.gage_file import check_gage_file, load_gage_file
from gage.trust import check_trust
from tests.nobody import NOBODY
from tests.programs import open_place, program, write

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

GAGE_FILE = "hello: {exec: touch ran}\n$runs-dir: /nowhere\n"


@pytest.fixture
def strange(tmp_path):
    """A gage file that belongs to another user, in a directory of his."""
    path = write(f"{tmp_path}/project/gage.yaml", GAGE_FILE)
    os.chown(path, NOBODY, NOBODY)
    os.chown(os.path.dirname(path), NOBODY, NOBODY)
    return path


@pytest.mark.parametrize("part", ["file", "directory", "target"])
def test_what_belongs_to_another_in_any_part_is_not_believed(tmp_path, part):
    path = write(f"{tmp_path}/project/gage.yaml", GAGE_FILE)
    if part == "target":
        os.rename(path, f"{tmp_path}/elsewhere.yaml")
        os.symlink(f"{tmp_path}/elsewhere.yaml", path)
        os.chown(f"{tmp_path}/elsewhere.yaml", NOBODY, NOBODY)
    else:
        os.chown(path if part == "file" else os.path.dirname(path), NOBODY, NOBODY)
    with pytest.raises(ConfigError, match="not read, since it") as caught:
        check_trust(path, {})
    assert ("its directory" in caught.value.message) == (part == "directory")


def test_it_is_not_even_parsed(strange):
    write(strange, "{{{ no YAML at all")
    os.chown(strange, NOBODY, NOBODY)
    with pytest.raises(ConfigError, match="belongs to nobody"):
        load_gage_file(strange)
    assert "belongs to nobody" in check_gage_file(strange)[0].message


def test_what_is_ours_and_what_is_roots_is_believed(tmp_path):
    check_trust(write(f"{tmp_path}/gage.yaml", GAGE_FILE), {})


def test_it_can_be_believed_once_and_for_good(strange, tmp_path):
    check_trust(strange, {"GAGE_TRUST": "1"})
    for line in (os.path.dirname(strange), str(tmp_path), "*"):
        write(f"{tmp_path}/config/gage/trusted", f"# mine\n/elsewhere\n{line}\n")
        check_trust(strange, {"XDG_CONFIG_HOME": f"{tmp_path}/config"})
    write(f"{tmp_path}/config/gage/trusted", f"{tmp_path}/proj\n# {tmp_path}\nproject\n")
    with pytest.raises(ConfigError):
        check_trust(strange, {"XDG_CONFIG_HOME": f"{tmp_path}/config"})


def test_a_directory_is_no_list(strange, tmp_path):
    os.makedirs(f"{tmp_path}/config/gage/trusted")
    with pytest.raises(ConfigError, match="belongs to"):
        check_trust(strange, {"XDG_CONFIG_HOME": f"{tmp_path}/config"})


def test_a_list_of_another_is_no_list_of_ours(strange, tmp_path):
    path = write(f"{tmp_path}/config/gage/trusted", "*\n")
    os.chown(path, NOBODY, NOBODY)
    with pytest.raises(ConfigError):
        check_trust(strange, {"XDG_CONFIG_HOME": f"{tmp_path}/config"})


def test_under_sudo_the_callers_files_are_believed(strange):
    check_trust(strange, {"SUDO_UID": str(NOBODY)})
    with pytest.raises(ConfigError):
        check_trust(strange, {"SUDO_UID": "12345"})


@pytest.mark.parametrize(
    "words",
    [
        ("gage", "run", "hello", "-y"),
        ("gage", "ops"),
        ("gage", "check"),
        ("gage", "runs"),
        ("gage-init", "one", "hello"),
        ("gage-ls-runs",),
    ],
    ids=" ".join,
)
def test_nothing_that_it_says_is_done_from_anywhere_below_it(strange, words):
    below = os.path.join(os.path.dirname(strange), "deep", "below")
    os.makedirs(below)
    told = program(*words, cwd=below)
    assert told.code in (30, 125)
    assert "belongs to nobody" in told.out + told.err
    assert "gage --trust believes it once" in told.out + told.err
    assert not os.path.exists(f"{os.path.dirname(strange)}/.gage")


def test_gage_alone_says_that_it_is_not_believed(strange):
    told = program("gage", cwd=os.path.dirname(strange))
    assert told.code == 0
    assert "belongs to nobody" in told.out


@pytest.mark.parametrize(
    "words",
    [
        ("gage", "--trust", "run", "hello", "-y"),
        ("gage", "run", "--trust", "hello", "-y"),
        ("gage", "--trust", "ops"),
        ("gage", "check", "--trust"),
        ("gage-init", "--trust", "one", "hello"),
    ],
    ids=" ".join,
)
def test_with_trust_it_is_done(strange, words):
    write(strange, "hello: {exec: touch ran}\n")
    os.chown(strange, NOBODY, NOBODY)
    assert program(*words, cwd=os.path.dirname(strange)).code == 0


def test_the_steps_of_a_trusted_pipeline_are_trusted(strange):
    write(strange, "hello: {exec: echo hello}\nall: {steps: [hello]}\n")
    os.chown(strange, NOBODY, NOBODY)
    place = os.path.dirname(strange)
    assert program("gage", "--trust", "run", "all", "-y", cwd=place).out == "hello\n"
    again = ("gage", "restart", "all", "--force-sourcecode", "-y")
    assert program(*again, cwd=place, env={"GAGE_RUNS": ".gage/runs"}).code == 125
    assert program(*again, "--trust", cwd=place).code == 0


def test_an_ordinary_user_is_not_believed_by_root_nor_another_by_him():
    with open_place() as place:
        write(f"{place}/gage.yaml", "hello: {exec: echo hello}\n")
        assert program("gage", "ops", cwd=place).code == 30
        os.chown(f"{place}/gage.yaml", 12345, 12345)
        told = program("gage-ls-runs", cwd=place, nobody=True)
        if told.code != 126:  # else he may not execute what is tested
            assert "belongs to user 12345" in told.err


def test_a_script_that_is_named_is_run_whoever_owns_it(tmp_path):
    script = write(f"{tmp_path}/hello.sh", "echo hello\n")
    os.chown(script, NOBODY, NOBODY)
    assert program("gage", "run", "./hello.sh", "-y", cwd=str(tmp_path)).out == "hello\n"
