import os
import re
import stat
from collections.abc import Iterator

import pytest

from gage.errors import ConfigError, NotFoundError, UsageError
from gage.gage_file import (
    GageFile,
    check_gage_file,
    default_operation,
    file_operation,
    find_gage_file,
    find_operation,
    gage_file_schema,
    load_gage_file,
)
from gage.opdef import OpDef, flag_defs, phases
from gage.opref import OpRef
from gage.scalar import Scalar
from tests.place import ROOT

DESIGN = """\
prepare:
  description: Download and clean the data
  exec: python prepare.py

train:
  description: Train the model
  default: true
  exec: python train.py --out ${out}
  config: train.py
  flags:
    lr: {type: number, min: 0, max: 1}
    out: model.bin
  sourcecode: ["*.py", "-scratch/"]
  depends:
    - run: prepare
      files: data/*.csv
    - files: vocab.txt
  env: {OMP_NUM_THREADS: "1"}

m1:fail:
  exec: python fail.py
  config: fail.py

m1:pipeline:
  flags: {fail: yes}
  steps:
    - fail fail=no
    - run: fail fail=${fail}
      name: again

$runs-dir: .gage/runs
$digest: sha256
"""


@pytest.fixture(autouse=True)
def here(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("HOME", os.path.dirname(str(tmp_path)))
    yield str(tmp_path)


def write(name: str, text: str | bytes = "", mode: int = 0o644) -> str:
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(name, mode)
    return os.path.abspath(name)


def load(text: str, name: str = "gage.yaml") -> GageFile:
    return load_gage_file(write(name, text))


def messages(text: str) -> list[str]:
    """Everything that is wrong with a gage file, each with its hint."""
    return [f"{e.message} | {e.hint}" for e in check_gage_file(write("gage.yaml", text))]


def test_a_gage_file_holds_operations_and_settings(here: str) -> None:
    loaded = load(DESIGN)
    assert loaded.path == os.path.join(here, "gage.yaml")
    assert loaded.project == here
    assert list(loaded.operations) == ["prepare", "train", "m1:fail", "m1:pipeline"]
    assert loaded.settings == {"runs-dir": ".gage/runs", "digest": "sha256"}
    assert flag_defs(loaded.operations["train"])["lr"].max == 1
    assert check_gage_file(loaded.path) == []


def test_an_operation_may_be_its_command_alone() -> None:
    assert load("train: python train.py").operations["train"] == OpDef(
        "train", {"exec": "python train.py"}
    )


def test_the_formats_say_the_same() -> None:
    toml = load('["m1:a"]\nexec = ["x"]\nflags.lr = 0.1\n', "gage.toml")
    json = load('{"m1:a": {"exec": ["x"], "flags": {"lr": 0.1}}}', "gage.json")
    assert (
        toml.operations == json.operations == load("m1:a: {exec: [x], flags: {lr: 0.1}}").operations
    )


def test_the_manual_shows_a_gage_file_that_is_right_and_tells_every_key() -> None:
    with open(os.path.join(ROOT, "man", "man5", "gage-file.5"), encoding="utf-8") as file:
        page = file.read()
    example = page.split(".Bd -literal -offset indent\n")[1].split(".Ed")[0]
    assert messages(example.replace("\\&", "")) == []
    definitions = gage_file_schema()["$defs"]
    for part in ("operation", "flag", "dependency", "step"):
        for key in definitions[part]["properties"]:
            assert re.search(rf"^\.(It )?Ic (.* )?{key}( |$)", page, re.MULTILINE), key


def test_an_empty_gage_file_defines_nothing() -> None:
    loaded = load("# to come\n")
    assert loaded.operations == {}
    with pytest.raises(ConfigError, match=r"gage\.yaml: no operation is the default"):
        default_operation(loaded)


def test_the_gage_file_is_looked_for_upwards(here: str) -> None:
    os.makedirs("a/b")
    assert find_gage_file("a/b") is None
    path = write("gage.toml")
    assert find_gage_file("a/b") == find_gage_file(here) == path
    assert find_gage_file(".") == path
    inner = write("a/gage.json")
    assert find_gage_file("a/b") == inner


def test_nothing_is_looked_for_above_the_home_directory(
    here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("gage.yaml")
    os.makedirs("home/project")
    monkeypatch.setenv("HOME", os.path.join(here, "home"))
    assert find_gage_file("home/project") is None
    write("home/gage.yaml")
    assert find_gage_file("home/project") == os.path.join(here, "home", "gage.yaml")


def test_two_gage_files_in_a_directory_are_an_error() -> None:
    write("gage.yaml")
    write("gage.json")
    with pytest.raises(ConfigError, match=r"\.: both gage.yaml and gage.json"):
        find_gage_file(".")


def test_a_directory_that_is_not_there_is_said() -> None:
    with pytest.raises(NotFoundError, match="nowhere: no such directory"):
        find_gage_file("nowhere")


def test_operations_are_found_by_name_in_their_namespace_first() -> None:
    loaded = load("fail: a\nm1:fail: b\n")
    assert find_operation(loaded, "fail")[0] == OpRef("", "fail")
    assert find_operation(loaded, "fail", "m1")[0] == OpRef("m1", "fail")
    assert find_operation(loaded, "m1:fail")[1].name == "m1:fail"
    with pytest.raises(NotFoundError, match=r"fial: no such operation in gage\.yaml") as raised:
        find_operation(loaded, "fial")
    assert "did you mean fail" in raised.value.hint


def test_the_default_is_said_or_the_only_one() -> None:
    assert default_operation(load(DESIGN))[0] == OpRef("", "train")
    assert default_operation(load("m:a: x"))[0] == OpRef("m", "a")
    with pytest.raises(ConfigError) as raised:
        default_operation(load("a: x\nb: y\n"))
    assert raised.value.hint == "name one: a, b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "train:\n  exec: x\n  flags:\n    lr: {typ: number}\n",
            ["gage.yaml:4: train.flags.lr.typ: unknown key | did you mean type?"],
        ),
        (
            "a: {exec: x, default: yes}\nb:\n  exec: x\n  default: yes\n",
            ["gage.yaml:4: b.default: a is the default already | "],
        ),
        (
            "a:\n  exec: x\n  flags:\n    n: {type: int,\n      default: 0.5}\n",
            ["gage.yaml:5: a.flags.n.default: 0.5: expected a whole number (n is of the type"],
        ),
        (
            "a:\n  exec: x\n  flags:\n    a-b: 1\n    a.b: 1\n",
            ["gage.yaml:5: a.flags.a.b: its variable FLAG_A_B is also that of a-b |"],
        ),
        (
            "a:\n  exec: x\n  env: {X: 1}\n  flags:\n    b: {env: X}\n",
            ["gage.yaml:5: a.flags.b: its variable X is also that of env |"],
        ),
        (
            "a:\n  exec:\n    run: x\n    finalize: echo \\${x}\n",
            ["gage.yaml:4: a.exec.finalize: ${x} stands behind a backslash"],
        ),
        ("a:\n  exec: x\n  env:\n    X: ${\n", ["gage.yaml:4: a.env.X: ${: no name in braces"]),
        ("a:\n  exec: x\n  config: /etc/x\n", ["gage.yaml:3: a.config: /etc/x: not a file"]),
        (
            "a:\n  exec: x\n  sourcecode:\n  - '*.py'\n  - ''\n",
            ["gage.yaml:5: a.sourcecode.1: expected a string that is not empty"],
        ),
        (
            "a:\n  exec: x\n  sourcecode: ['!x', -/, ../x, 'a\\']\n",
            [
                "gage.yaml:3: a.sourcecode.0: !x: a pattern cannot begin with !",
                "gage.yaml:3: a.sourcecode.1: -/: a pattern without a name",
                "gage.yaml:3: a.sourcecode.2: ../x: leads out of the project",
                "gage.yaml:3: a.sourcecode.3: a\\: ends with a backslash",
            ],
        ),
        (
            "a:\n  exec: x\n  sourcecode:\n  - -x\n  - -y/\n",
            ["gage.yaml:4: a.sourcecode.0: every pattern excludes"],
        ),
        (
            "a:\n  exec: x\n  metrics:\n    loss: '('\n",
            ["gage.yaml:4: a.metrics.loss: (: no regular expression: missing )"],
        ),
        (
            "a:\n  exec: x\n  depends:\n  - run: prepare\n",
            ["gage.yaml:4: a.depends.0.run: prepare: no such operation"],
        ),
        (
            "a:\n  exec: x\n  depends:\n  - {run: a, select: 'x >'}\n",
            ["gage.yaml:4: a.depends.0.select: "],
        ),
        (
            "a: x\np:\n  steps:\n  - a\n  - b\n",
            ["gage.yaml:5: p.steps.1: b: no such operation | known here: a, p"],
        ),
        (
            "a: x\np:\n  steps:\n  - a --foo\n",
            ["gage.yaml:4: p.steps.0: --foo: no option of a step"],
        ),
        ("a: x\np:\n  steps:\n  - a b c\n", ["gage.yaml:4: p.steps.0: b: expected NAME=VALUE"]),
        (
            "a: x\np:\n  steps:\n  - a\n  - a\n  - {run: a, name: a_2}\n",
            ["gage.yaml:3: p.steps: step 3 and step 2 are both a_2"],
        ),
        (
            "a: x\np:\n  steps:\n  - {run: a, needs: b}\n",
            ["gage.yaml:3: p.steps: step a needs b: no such step before it"],
        ),
        ("p:\n  steps:\n  - p\n", ["gage.yaml:3: p.steps.0: never comes to an end: p runs p"]),
        (
            "m:p:\n  steps: [q]\nm:q:\n  steps:\n  - m:p\n",
            ["gage.yaml:2: m:p.steps.0: never comes to an end: m:p runs m:q runs m:p"],
        ),
        (
            "a:\n  exec: ['${t}']\n  env:\n    X: a${t}\n  flags: {t: {secret: true}}\n",
            ["gage.yaml:2: a.exec: ${t}: a secret", "gage.yaml:4: a.env.X: ${t}: a secret"],
        ),
        (
            "a:\n  exec: x\n  flags: {t: {secret: true}, n: 1}\np:\n  flags: {t: {secret: true}}\n"
            "  steps:\n  - a t=x\n  - a n=${t}\n  - a t=${t} n=$${t}\n  - a t=u:${t}@h\n  - a t=\n",
            [
                "gage.yaml:7: p.steps.0: t: a secret would stand in the gage file",
                "gage.yaml:8: p.steps.1: n: is no secret of a, and ${t} is one | declare it",
            ],
        ),
        ("$run-dir: x\n", ["gage.yaml:1: $run-dir: unknown key | did you mean $runs-dir?"]),
        (
            "a: x\np:\n  steps:\n  - run: a\n    expect:\n      metrics: {m: 1, n: < lots}\n",
            ["gage.yaml:6: p.steps.0.expect.metrics.n: < lots: no comparison with a number"],
        ),
        ("a b: x\n", ["gage.yaml:1: a b: expected the name of an operation"]),
        ("- a\n", ["gage.yaml:1: expected a mapping, not a list"]),
    ],
)
def test_every_mistake_is_found_with_its_line_and_key(text: str, expected: list[str]) -> None:
    found = messages(text)
    assert len(found) == len(expected), found
    assert [f[: len(e)] for f, e in zip(found, expected, strict=True)] == expected
    with pytest.raises(ConfigError) as raised:
        load(text)
    assert raised.value.message in {f.split(" | ")[0] for f in found}


def test_all_mistakes_are_told_in_the_order_of_lines() -> None:
    text = "b:\n  exec: x\n  foo: 1\na:\n  exec: []\n$x: 1\n"
    assert [m.split(":")[1] for m in messages(text)] == ["3", "5", "6"]


def test_a_pipeline_looks_in_its_namespace_first_and_then_in_none() -> None:
    assert messages("m:p: {steps: [q, r]}\nm:q: x\nr: {steps: [q]}\nq: x\n") == []


def test_a_chain_of_pipelines_may_be_long() -> None:
    chain = "".join(f"p{i}: {{steps: [p{i + 1}]}}\n" for i in range(2000))
    assert messages(chain + "p2000: x\n") == []


def test_a_file_can_be_a_step_and_a_dependency() -> None:
    write("train.py")
    assert messages("p:\n  steps: [train.py lr=1]\n  depends: [{run: train.py}]\n") == []


def test_a_python_script_is_an_operation_with_its_constants() -> None:
    path = write("sub/train.py", "lr = 0.1\n")
    assert file_operation(path, ".") == (
        OpRef("", "sub/train.py"),
        OpDef("sub/train.py", {"exec": ["python", "sub/train.py"], "config": "sub/train.py"}),
    )


@pytest.mark.parametrize(
    ("name", "mode", "args"),
    [
        ("a.sh", 0o644, ["sh", "a.sh"]),
        ("a.sh", 0o755, ["./a.sh"]),
        ("a", 0o755, ["./a"]),
        ("-a.sh", 0o644, ["sh", "./-a.sh"]),
        ("${x}.sh", 0o644, ["sh", "$${x}.sh"]),
    ],
)
def test_a_script_is_run_by_the_shell_unless_it_runs_by_itself(
    name: str, mode: int, args: list[str]
) -> None:
    opref, opdef = file_operation(write(name, "echo\n", mode), ".")
    assert opref == OpRef("", name)
    assert opdef.data == {"exec": args}


@pytest.mark.parametrize("name", ["a#b.py", "*.py", "[a].py", "-x.py", 'a "b".py', "a=b.py"])
def test_the_config_of_an_oddly_named_script_is_its_own(name: str) -> None:
    from gage.config import read_config

    write("other.py", "x = 1\n")
    _, opdef = file_operation(write(name, "lr = 0.1\n"), ".")
    values: dict[str, Scalar] = {
        key: constant.value for key, constant in read_config(".", [opdef.data["config"]]).items()
    }
    assert values == {"lr": 0.1}


def test_what_the_default_rule_leaves_out_comes_as_a_dependency() -> None:
    _, opdef = file_operation(write("a.out", b"\x7fELF\0", 0o755), ".")
    assert opdef.data == {"exec": ["./a.out"], "depends": [{"files": "/a.out"}]}


def test_what_cannot_be_run_is_said() -> None:
    write("a.txt")
    os.mkdir("d")
    with pytest.raises(ConfigError, match=r"a\.txt: not executable"):
        file_operation("a.txt", ".")
    with pytest.raises(ConfigError, match="d: not a file"):
        file_operation("d", ".")
    with pytest.raises(NotFoundError, match="x: no such file"):
        file_operation("x", ".")
    os.mkdir("p")
    with pytest.raises(UsageError, match="not in the project"):
        file_operation("a.txt", "p")


def test_phases_of_the_definition_are_kept() -> None:
    loaded = load("a:\n  exec: {run: x, stage-runtime: [pip, install]}\n")
    assert phases(loaded.operations["a"]) == {"stage-runtime": ["pip", "install"], "run": "x"}


def test_a_gage_file_that_is_no_file_is_refused() -> None:
    os.mkfifo("gage.yaml")
    path = find_gage_file(".")
    assert path is not None
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    with pytest.raises(ConfigError, match="expected a regular file"):
        load_gage_file(path)
