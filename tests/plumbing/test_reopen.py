"""gage-reopen: a finished run becomes staged again, its attempt kept."""

import json
import os
import shutil

import pytest

from gage.attempts import attempt_numbers, keep_attempt
from gage.beginning import init_run
from gage.errors import ConfigError, LockedError, StateError
from gage.facts import remove_fact
from gage.files_log import entered
from gage.locks import holding, take
from gage.operation import open_operation, prepare
from gage.plumbing.exec import exec_run
from gage.plumbing.finalize import finalize_run
from gage.plumbing.reopen import reopen_run
from gage.plumbing.stage import stage_run
from gage.run import has_fact, open_run
from gage.status import run_status
from tests.nobody import ordinary_place
from tests.programs import killed_at, program, read, tree, write

GAGE_YAML = """\
train:
  exec: sh train.sh
  config: conf.yaml
  depends: [{files: data.txt}]
"""

SCRIPT = "cat conf.yaml >> model\ncat data.txt\nmkdir -p sub; echo x >> sub/more\n"


def project_at(path):
    write(f"{path}/gage.yaml", GAGE_YAML)
    write(f"{path}/train.sh", SCRIPT)
    write(f"{path}/conf.yaml", "lr: 0.1  # rate\n")
    write(f"{path}/data.txt", "data\n")
    return str(path)


def staged(project, **given):
    prepared = prepare(open_operation(project, "train"), given)
    run = init_run(f"{project}/runs/one", prepared, project, sync="none")
    stage_run(run, project)
    return run


def executed(run):
    exec_run(run, echo=False)
    finalize_run(run)
    return run


@pytest.fixture
def finished(tmp_path):
    """A run of train that completed."""
    return executed(staged(project_at(tmp_path)))


def manifest_types(run):
    return sorted(
        line.split()[0] + line.split()[-1]
        for line in read(f"{run}.meta/manifest").split("\n")
        if line
    )


def test_what_the_attempt_left_is_kept_and_no_longer_the_runs(finished):
    kept = {
        name: read(f"{finished}.meta/{name}")
        for name in ("started", "stopped", "proc/exit", "config.json", "manifest", "output/40_run")
    }
    reopen_run(finished, {"lr": "0.5"})
    assert run_status(finished) == "staged"
    assert attempt_numbers(finished) == [1]
    for name, text in kept.items():
        assert read(f"{finished}.meta/attempts/1/{name}") == text
    for name in ("started", "stopped", "proc/exit", "proc/lock", "output/40_run", "summary.json"):
        assert not has_fact(finished, name), name


def test_only_the_literal_changes_in_the_staged_copy(finished):
    reopen_run(finished, {"lr": "0.5"})
    assert read(f"{finished}/conf.yaml") == "lr: 0.5  # rate\n"
    assert json.loads(read(f"{finished}.meta/config.json")) == {"lr": 0.5}
    assert manifest_types(finished) == ["ddata.txt", "sconf.yaml", "sgage.yaml", "strain.sh"]
    assert program("gage-manifest", "--check", finished.run_dir).code == 0


def test_generated_files_are_there_and_can_be_written_and_nothing_else_can(finished):
    reopen_run(finished)
    modes = {path: mode for path, (mode, _) in tree(finished.run_dir).items()}
    assert modes["model"] == modes["sub/more"] == "-rw-r--r--"
    assert {modes[name] for name in ("train.sh", "conf.yaml", "data.txt")} == {"-r--r--r--"}
    executed(finished)
    assert read(f"{finished}/model") == "lr: 0.1  # rate\n" * 2
    assert {"gmodel", "gsub/more"} < set(manifest_types(finished))
    reopen_run(finished, clean=True)
    assert not {"model", "sub", "sub/more"} & tree(finished.run_dir).keys()
    assert set(entered(finished).values()) == {"s", "d"}


def test_an_ordinary_user_can_reopen_what_was_made_read_only():
    with ordinary_place() as place:
        project = project_at(f"{place}/p")
        # Not by a shell: those give up a user that is only borrowed.
        write(f"{project}/gage.yaml", "train: {exec: [cp, conf.yaml, model], config: conf.yaml}")
        run = executed(staged(project))
        reopen_run(run, {"lr": "0.5"})
        executed(run)
        assert read(f"{run}/model") == "lr: 0.5  # rate\n"
        reopen_run(run, clean=True)
        assert not os.path.exists(f"{run}/model")
        executed(run)
        write(f"{project}/conf.yaml", "lr: 3.0\n")
        reopen_run(run, force_sourcecode=True)
        executed(run)
        assert read(f"{run}/model") == "lr: 0.5\n"
        assert attempt_numbers(run) == [1, 2, 3]


def test_with_force_sourcecode_it_is_the_project_as_it_is_now(finished, tmp_path):
    write(f"{tmp_path}/conf.yaml", "lr: 0.3\nmore: 1\n")
    write(f"{tmp_path}/gage.yaml", "train: {exec: 'cat conf.yaml', config: conf.yaml}\n")
    os.unlink(f"{tmp_path}/train.sh")
    reopen_run(finished, force_sourcecode=True)
    assert json.loads(read(f"{finished}.meta/config.json")) == {"lr": 0.3, "more": 1}
    assert manifest_types(finished) == ["sconf.yaml", "sdata.txt", "sgage.yaml"]
    executed(finished)
    assert read(f"{finished}.meta/output/40_run") == "lr: 0.3\nmore: 1\n"
    assert read(f"{finished}/model") == "lr: 0.1  # rate\n"


def test_what_cannot_be_staged_anew_is_found_while_the_run_is_as_it_was(finished, tmp_path):
    before = tree(finished.meta_dir)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StateError, match=r"pipe: a FIFO cannot be copied"):
        reopen_run(finished, force_sourcecode=True)
    os.remove(tmp_path / "pipe")
    write(f"{tmp_path}/model", "source code now\n")
    with pytest.raises(StateError, match=r"model: source code now, and the run generated"):
        reopen_run(finished, force_sourcecode=True)
    assert tree(finished.meta_dir) == before
    reopen_run(finished, force_sourcecode=True, clean=True)
    assert entered(finished)["model"] == "s"


def test_a_run_that_lost_its_manifest_is_not_staged_anew_unasked(finished):
    reopen_run(finished)
    executed(finished)
    os.unlink(f"{finished}.meta/manifest")
    with pytest.raises(StateError, match="manifest"):
        reopen_run(finished)
    assert run_status(finished) == "completed"


@pytest.mark.parametrize("again", ["gage-reopen", "gage-resume", "gage restart"])
def test_a_staging_anew_that_failed_is_done_anew_whoever_takes_the_run_up(tmp_path, again):
    project = project_at(tmp_path)
    run = executed(staged(project))
    write(f"{project}/more.txt", "more\n")
    hooked = GAGE_YAML.replace(
        "exec: sh train.sh", "exec: {run: sh train.sh, stage-runtime: 'false'}"
    )
    write(f"{project}/gage.yaml", hooked)
    with pytest.raises(StateError, match="stage-runtime"):
        reopen_run(run, force_sourcecode=True)
    assert run_status(run) == "pending"
    assert program(*again.split(), run.run_dir).code != 0
    write(f"{project}/gage.yaml", GAGE_YAML)
    os.remove(f"{project}/more.txt")
    assert program(*again.split(), run.run_dir).code == 0
    if again == "gage-reopen":
        executed(run)
    assert run_status(run) == "completed"
    sources = {path for path, type in entered(run).items() if type in "sd"}
    assert sources == {"gage.yaml", "train.sh", "conf.yaml", "data.txt"}
    assert program("gage-fsck", run.run_dir) == ("", "", 0)


def test_values_that_were_given_stay_with_other_source_code(tmp_path):
    run = executed(staged(project_at(tmp_path), lr="7"))
    write(f"{tmp_path}/conf.yaml", "lr: 0.3\n")
    reopen_run(run, force_sourcecode=True)
    assert read(f"{run}/conf.yaml") == "lr: 7.0\n"


def test_a_run_that_is_not_finished_is_refused_and_left_as_it_is(tmp_path):
    project = project_at(tmp_path)
    prepared = prepare(open_operation(project, "train"), {})
    run = init_run(f"{project}/runs/one", prepared, project, sync="none")

    def refusal(**options):
        before = tree(f"{run}.meta")
        with pytest.raises(StateError) as caught:
            reopen_run(run, **options)
        assert tree(f"{run}.meta") == before
        return caught.value.message.removeprefix(f"{run}: "), caught.value.hint

    assert refusal() == ("not staged yet", f"gage-stage {run}")
    stage_run(run, project)
    assert refusal() == ("already staged", f"gage-exec {run}")
    exec_run(run, echo=False)
    assert refusal() == ("not finalized", f"gage-finalize {run}")
    finalize_run(run)
    os.chmod(f"{run}/train.sh", 0o644)
    write(f"{run}/train.sh", "other\n")
    assert refusal()[0] == f"{run}/train.sh: not as it was staged"
    write(f"{run}/train.sh", SCRIPT)
    shutil.move(run.run_dir, f"{run}.away")
    assert refusal() == ("the run dir is not there", "")


def test_a_staged_run_may_be_given_other_values_and_has_no_attempt(tmp_path):
    run = staged(project_at(tmp_path))
    reopen_run(run, {"lr": "9"})
    assert (run_status(run), attempt_numbers(run)) == ("staged", [])
    assert read(f"{run}/conf.yaml") == "lr: 9.0  # rate\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": "word"}, "lr=word: expected a number"),
        ({"l": "1"}, "l: no such key in the config"),
    ],
)
def test_a_wrong_value_changes_nothing(finished, given, message):
    before = tree(f"{finished}.meta")
    with pytest.raises(ConfigError, match=message):
        reopen_run(finished, given)
    assert tree(f"{finished}.meta") == before


def test_a_run_that_is_at_work_is_refused(finished):
    with holding(finished), pytest.raises(LockedError):
        reopen_run(finished)
    held = take(finished, "tree")
    with pytest.raises(LockedError, match="still running"):
        reopen_run(finished)
    os.close(held)
    told = program("gage-reopen", finished.run_dir, "lr=2")
    assert told == ("", "", 0)


def test_an_attempt_is_kept_once_however_often_reopening_is_stopped(finished):
    assert keep_attempt(finished) == keep_attempt(finished) == 1
    for name in ("staged", "stopped", "started"):
        remove_fact(finished, name)
        assert keep_attempt(finished) == 1
    assert attempt_numbers(finished) == [1]
    assert "started" in os.listdir(f"{finished}.meta/attempts/1")


def test_a_reopening_that_is_stopped_is_not_staged_from_the_project(finished, tmp_path):
    reopen_run(finished)
    remove_fact(finished, "staged")
    with pytest.raises(StateError, match="being reopened"):
        stage_run(finished, str(tmp_path))
    reopen_run(finished)
    assert run_status(finished) == "staged"


def test_a_reopening_killed_at_any_moment_goes_on_where_it_was(tmp_path):
    calls = ("rename", "unlink", "unlinkat", "fchmodat", "chmod")
    for count in range(1, 60):
        project = project_at(f"{tmp_path}/{count}")
        run = executed(staged(project))
        words = ["gage-reopen", run.run_dir, "lr=0.5"]
        killed = killed_at(count, calls, words, project)
        assert run_status(run) in ("completed", "pending", "staged")
        if run_status(run) != "staged":
            reopen_run(open_run(run.run_dir), {"lr": "0.5"})
        elif killed:
            continue
        assert run_status(run) == "staged"
        assert attempt_numbers(run) == [1]
        assert read(f"{run}.meta/attempts/1/proc/exit") == "0\n"
        assert read(f"{run}.meta/attempts/1/output/40_run") == "data\n"
        assert read(f"{run}/conf.yaml") == "lr: 0.5  # rate\n"
        executed(run)
        assert run_status(run) == "completed"
        if not killed:
            return
    raise AssertionError("it never came to its end")


def test_what_is_left_of_an_attempt_goes_when_a_stopped_reopening_is_repeated(finished):
    old = read(f"{finished.meta_dir}/output/40_run")
    reopen_run(finished)
    # As it is where proc/exit has gone, and the output not yet.
    remove_fact(finished, "staged")
    write(f"{finished.meta_dir}/output/40_run", old)
    write(f"{finished.meta_dir}/summary.json", "{}\n")
    reopen_run(finished)
    assert not has_fact(finished, "output", "40_run")
    assert not has_fact(finished, "summary.json")
    assert attempt_numbers(finished) == [1]


def test_what_an_attempt_left_that_cannot_be_sealed_stops_no_other(finished, tmp_path):
    outside = write(f"{tmp_path}/outside", "mine\n", 0o664)
    os.chmod(finished.run_dir, 0o755)
    os.link(outside, f"{finished.run_dir}/shared")
    os.mkfifo(f"{finished.run_dir}/pipe")
    reopen_run(finished)
    assert run_status(finished) == "staged"
    assert os.stat(outside).st_mode & 0o777 == 0o664


def test_a_run_whose_name_could_not_be_read_is_not_reopened(finished):
    with pytest.raises(StateError, match="a fact is missing or damaged"):
        reopen_run(finished._replace(id=""))
    with pytest.raises(StateError, match="a fact is missing or damaged"):
        reopen_run(finished._replace(opref=None))
    assert run_status(finished) == "completed"
