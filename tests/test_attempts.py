"""Attempts: what a run left each time it was executed."""

import os

from gage.attempts import attempt_numbers, forget_ended, keep_attempt
from gage.run import open_run
from tests.porcelain.place import write_run
from tests.programs import read, tree, write


def finished(tmp_path, exit=1):
    return open_run(f"{tmp_path}/{write_run(str(tmp_path), 1, exit=exit, output=b'said')}")


def test_a_run_without_a_restart_has_no_earlier_attempt(tmp_path):
    assert attempt_numbers(finished(tmp_path)) == []


def test_each_attempt_is_kept_whole_under_the_next_number(tmp_path):
    run = finished(tmp_path)
    for number in (1, 2, 3):
        write(f"{run.meta_dir}/started", f"{number}\n")
        write(f"{run.meta_dir}/output/40_run", f"{number} said")
        write(f"{run.meta_dir}/proc/exit", "1\n")
        assert keep_attempt(run) == number
        forget_ended(run)
    assert attempt_numbers(run) == [1, 2, 3]
    for number in (1, 2, 3):
        kept = f"{run.meta_dir}/attempts/{number}"
        assert read(f"{kept}/started") == f"{number}\n"
        assert read(f"{kept}/output/40_run") == f"{number} said"
    assert os.listdir(f"{tmp_path}/.tmp") == []


def test_numbers_go_on_where_they_are_and_what_is_no_number_is_none(tmp_path):
    run = finished(tmp_path)
    for name in ("2", "10", "x"):
        os.makedirs(f"{run.meta_dir}/attempts/{name}")
    assert attempt_numbers(run) == [2, 10]
    assert keep_attempt(run) == 11


def test_what_is_kept_costs_no_second_copy_and_nothing_of_the_attempt_stays(tmp_path):
    run = finished(tmp_path)
    inode = os.stat(f"{run.meta_dir}/output/40_run").st_ino
    keep_attempt(run)
    forget_ended(run)
    assert os.stat(f"{run.meta_dir}/attempts/1/output/40_run").st_ino == inode
    left = tree(run.meta_dir).keys()
    gone = {"started", "stopped", "staged", "proc/exit", "proc/lock", "output/40_run"}
    assert not gone & left
    assert {"id", "config.json", "opdef.json", "manifest", "initialized"} < left
