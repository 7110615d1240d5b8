import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS, run_target
from tests.place import ROOT

has_atheris = find_spec("atheris") is not None
guided = pytest.mark.skipif(not has_atheris, reason="atheris has no wheel here")
blind = pytest.mark.skipif(has_atheris, reason="atheris does better")


def test_what_a_target_understands_is_no_trouble() -> None:
    for name, seeds in SEEDS.items():
        for seed in seeds:
            run_target(name, seed)


def test_a_target_that_starts_a_process_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "bad", lambda data: os.system("true") and None)
    with pytest.raises(AssertionError, match="a reader starts nothing"):
        run_target("bad", b"")


def fuzz(name: str, runs: int, tmp_path: object, *options: str) -> None:
    """Let atheris feed the target *name* so often; AssertionError where it finds something."""
    corpus = os.path.join(str(tmp_path), "corpus")
    os.mkdir(corpus)
    names = list(TARGETS) if name == "all" else [name]
    for number, target in enumerate(names):
        for i, seed in enumerate(SEEDS.get(target, [])):
            with open(os.path.join(corpus, f"{number}-{i}"), "wb") as file:
                file.write(bytes([number] if name == "all" else []) + seed)
    limits = (
        "-timeout=20",
        "-rss_limit_mb=2000",
        "-max_len=2000",
        "-verbosity=0",
        "-close_fd_mask=1",
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.coverage_guided", name, f"-runs={runs}", *limits,
         f"-artifact_prefix={tmp_path}/", *options, corpus],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-4000:]


@guided
def test_no_reader_is_troubled_by_a_few_thousand_inputs(tmp_path: object) -> None:
    fuzz("all", 2000, tmp_path, "-seed=1")


@guided
@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_no_reader_is_troubled_by_thirty_thousand_inputs(tmp_path: object, name: str) -> None:
    fuzz(name, 30_000, tmp_path)


@blind
@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25)
@given(data=st.data())
def test_no_reader_is_troubled_by_any_bytes(name: str, data: st.DataObject) -> None:
    some = data.draw(st.binary(max_size=200))
    if seeds := SEEDS.get(name):
        seed = data.draw(st.sampled_from(seeds))
        at = data.draw(st.integers(0, len(seed)))
        some = seed[:at] + some[:8] + seed[at + data.draw(st.integers(0, 8)) :]
    run_target(name, some)
