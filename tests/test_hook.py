import os
import re
import signal
import subprocess
import sys

import pytest

from gage.errors import LockedError
from gage.hook import run_hook
from gage.locks import is_held, take
from gage.run import Run, read_fact, run_meta_path
from tests.staged import staged_run


def output_of(run: Run, name: str = "10_sourcecode") -> bytes:
    with open(run_meta_path(run, "output", name), "rb") as file:
        return file.read()


def hook(run: Run, args, **options) -> int:
    return run_hook(run, args, "10_sourcecode", environ=os.environ, **options)


def test_a_hook_runs_in_the_run_dir_with_the_runs_variables(tmp_path):
    run = staged_run(tmp_path, ["true"], config={"lr": 1})
    script = 'pwd; echo "$RUN_ID $RUN_DIR $PROJECT_DIR $FLAG_LR"'
    assert hook(run, script, extra={"PROJECT_DIR": "/project"}) == 0
    assert output_of(run).decode() == f"{run.run_dir}\n{run.id} {run.run_dir} /project 1\n"


def test_the_output_of_a_hook_is_read_only_when_it_has_ended(tmp_path):
    run = staged_run(tmp_path, ["true"])
    assert hook(run, ["echo", "hi"]) == 0
    for name in ("10_sourcecode", "10_sourcecode.index"):
        assert os.stat(run_meta_path(run, "output", name)).st_mode & 0o777 == 0o444
    assert hook(run, ["echo", "again"]) == 0
    assert output_of(run) == b"again\n"


def test_a_hook_that_fails_gives_its_exit_code(tmp_path):
    run = staged_run(tmp_path, ["true"])
    assert hook(run, "echo oh >&2; exit 3") == 3
    assert output_of(run) == b"oh\n"
    assert hook(run, "kill -9 $$") == -9
    assert hook(run, ["no-such-program"]) == 127


def test_a_hook_may_be_a_script(tmp_path):
    run = staged_run(tmp_path, ["true"])
    assert hook(run, f"#!{sys.executable}\nprint(6 * 7)\n") == 0
    assert output_of(run) == b"42\n"
    assert not [name for name in os.listdir(tmp_path / ".locks" / "one") if "script" in name]


def test_what_a_hook_leaves_behind_is_named_and_ended(tmp_path):
    run = staged_run(tmp_path, ["true"])
    assert hook(run, "sleep 64 & echo $!") == 0
    pid = int(output_of(run))
    assert f"ended what the hook left behind: {pid} sleep 64" in (
        read_fact(run, "log", "runner") or ""
    )
    assert not is_held(run, "tree")


def test_a_hook_is_not_run_beside_what_an_earlier_one_left(tmp_path):
    run = staged_run(tmp_path, ["true"])
    tree = take(run, "tree")
    with pytest.raises(LockedError):
        hook(run, ["true"])
    os.close(tree)


def test_an_interrupted_hook_is_ended(tmp_path):
    run = staged_run(tmp_path, ["true"])
    code = f"""
import os, sys
from gage.hook import run_hook
from gage.run import open_run
run = open_run({run.run_dir!r}, sync="none")
try:
    run_hook(run, "echo $$; exec sleep 65", "10_sourcecode", environ=os.environ, echo=True)
except KeyboardInterrupt:
    sys.exit(7)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as stage:
        assert stage.stdout is not None
        pid = int(stage.stdout.readline())
        stage.send_signal(signal.SIGINT)
        assert stage.wait() == 7
    assert not os.path.exists(f"/proc/{pid}")
    assert output_of(run) == b"%d\n" % pid


def test_what_a_hook_left_that_nothing_tells_of_is_ended(tmp_path):
    run = staged_run(tmp_path, ["true"])
    script = "setsid env -i sh -c 'sleep 65 3<&-' >/dev/null 2>&1 </dev/null & sleep 0.1"
    start = (
        "import os, sys; from gage.hook import run_hook; from gage.run import open_run; "
        "os.closerange(3, 99); "
        "run_hook(open_run(sys.argv[1]), sys.argv[2], '10_sourcecode', environ=os.environ)"
    )
    # The lock is closed for what is left behind, too: it is found as an orphan.
    closing = f"exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; {script}"
    assert subprocess.run([sys.executable, "-c", start, run.run_dir, closing]).returncode == 0
    log = read_fact(run, "log", "runner") or ""
    assert re.search("ended what the hook left behind: \\d+ (sh -c )?sleep 65", log)
