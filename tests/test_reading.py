import os
import time

import pytest

from gage.dirs import Dirs
from gage.reading import over_files
from gage.run_files import walk_run_dir


def test_who_gives_up_waits_for_no_file_that_is_still_to_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    for number in range(9):
        with open(tmp_path / f"{number}", "wb") as file:
            file.truncate(1 << 22)
    told = []

    def work(fd, found, tell):
        told.append(found.path)
        while True:  # as of a file without end
            time.sleep(0.001)
            tell(1)

    def progress(count, total):
        raise KeyboardInterrupt

    files = walk_run_dir(str(tmp_path))
    open_before = os.listdir("/proc/self/fd")
    with pytest.raises(KeyboardInterrupt), Dirs(str(tmp_path)) as dirs:
        over_files(dirs, files, work, progress)
    assert len(told) == 2
    assert os.listdir("/proc/self/fd") == open_before
