import os
import signal
import time

from gage.porcelain.watching import EVERY, watch_run
from gage.run import open_run
from tests.porcelain.place import write_steps


def test_who_was_stopped_while_looking_does_not_wait_for_long_after_it(tmp_path):
    parent, _, _ = write_steps(str(tmp_path))
    waits, report = os.pipe()
    run = open_run(f"{tmp_path}/{parent}")
    child = os.fork()
    if child == 0:
        try:
            _look_without_a_pause(run, report)
        finally:
            os._exit(0)
    os.close(report)
    for _ in range(5):
        time.sleep(0.05)
        os.kill(child, signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(child, signal.SIGCONT)
    os.kill(child, signal.SIGTERM)
    with open(waits) as file:
        longest = float(file.read())
    os.waitpid(child, 0)
    assert EVERY <= longest < 20 * 0.2 / 2


def _look_without_a_pause(run, report):
    """Until SIGTERM: then say the longest time that a viewer would have waited."""
    asked = []
    signal.signal(signal.SIGTERM, lambda signum, frame: asked.append(signum))
    longest = []

    def over(seconds, standings):
        longest[:] = [max([seconds, *longest])]
        return bool(asked)

    nothing = os.open(os.devnull, os.O_WRONLY)
    watch_run(run, nothing, over)
    os.write(report, str(longest[0]).encode())
