"""gage new, with each kind of thing that it finds: what it writes is right, and runs."""

import json
import os
import re
import shutil
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.first_gage_file import FirstFile
from gage.found import Found
from gage.gage_file import load_gage_file
from tests.nobody import ordinary_place
from tests.porcelain.place import gage

TRAIN = """\
'''Train a little.

At length.
'''
import json
lr = 0.1
epochs = 3
if __name__ == "__main__":
    print("loss:", lr * epochs)
"""

PARSED = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--kind")
args = parser.parse_args()
print("loss: %s" % args.lr, "kind=" + args.kind)
"""


def write(directory, **files):
    for name, text in files.items():
        put(directory, name.replace("__", "."), text)


def put(directory, name, text, mode=0o644):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(textwrap.dedent(text))
    os.chmod(path, mode)


DVC_CIRCLE = "stages: {a: {cmd: [1], deps: [x], outs: [y]}, b: {cmd: z, deps: [y], outs: [x]}}"


def made(directory, *, missing=()):
    """What gage new says, where what it wrote passes gage check; and the operations.

    The files *missing* are not there yet, and all that gage check complains of.
    """
    told = gage("new", cwd=directory)
    assert (told.code, told.err) == (0, "")
    checked = gage("check", cwd=directory)
    assert checked.code == (30 if missing else 0), checked.out
    if missing:
        absent = [
            re.search(r": (\S+): selects no file\b", line) for line in checked.out.splitlines()
        ]
        assert [found and found[1] for found in absent] == list(missing), checked.out
    return told.out, load_gage_file(os.path.join(directory, "gage.yaml")).operations


def ran(directory, *words):
    told = gage("run", "-y", *words, cwd=directory)
    assert told.code == 0, told.err
    return told.out


def test_a_python_script_with_its_constants(tmp_path):
    write(tmp_path, train__py=TRAIN, lib__py="def f(): pass\n", test_train__py="assert True\n")
    said, operations = made(tmp_path)
    assert said.split("\n")[0] == "train  train.py  lr, epochs are config"
    assert "left out: lib.py: only defines something" in said
    assert "left out: test_train.py: a test" in said
    assert list(operations) == ["train"]
    assert operations["train"].data["description"] == "Train a little."
    assert "next: gage ops -v shows it with its flags, gage run train runs it" in said
    assert ran(tmp_path, "train", "lr=0.5") == "loss: 1.5\n"


def test_a_shell_script_and_an_executable(tmp_path):
    put(tmp_path, "hello.sh", "# Say hello\necho hello\n")
    put(tmp_path, "count", "#!/bin/sh\nseq 2\n", 0o755)
    put(tmp_path, "data.txt", "no program\n", 0o755)
    _, operations = made(tmp_path)
    assert list(operations) == ["count", "hello"]
    assert operations["hello"].data["description"] == "Say hello"
    assert ran(tmp_path, "hello") == "hello\n"
    assert ran(tmp_path, "count") == "1\n2\n"


def test_names_that_are_odd_become_names_of_operations(tmp_path):
    put(tmp_path, "my train (2).py", "print(1)\n")
    put(tmp_path, "a: b #c.sh", "echo odd\n")
    put(tmp_path, "${x}.sh", "echo braces\n")
    put(tmp_path, "train.sh", "echo sh\n")
    put(tmp_path, "train.py", "print('py')\n")
    _, operations = made(tmp_path)
    assert list(operations) == ["x", "a-b-c", "my-train-2", "train", "train-2"]
    assert [ran(tmp_path, name) for name in operations] == [
        "braces\n", "odd\n", "1\n", "py\n", "sh\n"
    ]  # fmt: skip


def test_the_targets_of_a_makefile(tmp_path):
    put(
        tmp_path,
        "Makefile",
        "CC := cc\nall: out.txt ## Make all\nout.txt:\n\techo made > $@\n"
        "clean:\n\trm -f out.txt\n.PHONY: all clean\n%.o: %.c\n\tcc $<\n",
    )
    said, operations = made(tmp_path)
    assert list(operations) == ["make:all", "make:out.txt"]
    assert operations["make:all"].data["description"] == "Make all"
    assert "left out: Makefile: clean" in said
    ran(tmp_path, "make:all")
    assert gage("cat", "out.txt", cwd=tmp_path).out == "made\n"
    assert not os.path.exists(tmp_path / "out.txt")


JUPYTER = """\
#!/usr/bin/env python
import json, sys
_, convert, _, kind, _, path, _, output = sys.argv
assert (convert, kind) == ("nbconvert", "notebook")
book = json.load(open(path))
names = {}
for cell in book["cells"]:
    exec("".join(cell["source"]), names)
json.dump(book, open(output, "w"))
"""


def test_a_notebook_with_its_constants(tmp_path):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    source = ["lr = 0.1\n", "print('lr is', lr)\n"]
    book = {"cells": [{**cell, "source": source}], "metadata": {}, "nbformat": 4}
    put(tmp_path, "look.ipynb", json.dumps({**book, "nbformat_minor": 5}))
    said, _ = made(tmp_path)
    assert "look  look.ipynb  lr is config" in said
    # Jupyter is no small thing to install; this does with a notebook what the command asks.
    put(tmp_path, "bin/jupyter", JUPYTER, 0o755)
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    told = gage("run", "-y", "look", "lr=0.7", cwd=tmp_path, env=env)
    assert (told.out, told.code) == ("lr is 0.7\n", 0)
    assert "look.out.ipynb" in gage("ls", "-n", cwd=tmp_path).out


GUILD = """\
prepare:
  exec: mkdir data && echo ${count} > data/rows.csv
  flags:
    count: 3
train:
  description: Train the model
  main: train
  default: yes
  flags:
    lr: {default: 0.2, description: Learning rate, min: 0}
    kind:
      choices: [sgd, {value: adam, description: Adaptive}]
      default: sgd
  requires:
    - operation: prepare
    - file: vocab.txt
  output-scalars:
    loss: 'loss: (\\value)'
    step: 'step: (\\step)'
  env: {THREADS: 2}
  compare: [loss]
search:
  main: constants
  flags:
    depth: 4
all:
  steps:
    - prepare count=5
    - run: train lr=0.3
      name: fit
"""


def test_the_operations_of_guild(tmp_path):
    write(
        tmp_path, guild__yml=GUILD, train__py=PARSED, vocab__txt="a\n",
        constants__py="depth = 2\nprint('depth', depth)\n",
    )  # fmt: skip
    said, operations = made(tmp_path)
    assert list(operations) == ["prepare", "train", "search", "all"]
    assert "left out: guild.yml: train: compare: no counterpart here" in said
    assert "left out: guild.yml: train: output-scalars: step: step: " in said
    ran(tmp_path, "prepare")
    assert ran(tmp_path, "lr=0.5", "kind=adam") == "loss: 0.5 kind=adam\n"
    shown = json.loads(gage("show", "--json", cwd=tmp_path).out)
    assert shown["metrics"] == {"loss": 0.5}
    assert [d["path"] for d in shown["dependencies"]] == ["data/rows.csv", "vocab.txt"]
    assert ran(tmp_path, "search") == "depth 4\n"
    told = gage("run", "-y", "all", cwd=tmp_path)
    assert told.code == 0
    assert gage("cat", "prepare@", "data/rows.csv", cwd=tmp_path).out == "5\n"


def test_what_guild_gives_a_module_is_given_as_it_is(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        """\
        prep data: {exec: echo data > data.txt}
        train:
          main: train --name 'a b;c' "" $HOME --lr=${lr}
          flags: {lr: 0.1}
          flags-dest: args
          requires: [{operation: prep data}]
        all: {steps: [prep data, {run: prep data, name: again}, train]}
        """,
    )
    put(tmp_path, "train.py", "import sys\nprint(sys.argv[1:])\n")
    _, operations = made(tmp_path)
    assert [op.data["steps"] for op in operations.values() if "steps" in op.data] == [
        ["prep-data", {"run": "prep-data", "name": "again"}, "train"]
    ]
    ran(tmp_path, "prep-data")
    assert ran(tmp_path, "train") == "['--name', 'a b;c', '', '$HOME', '--lr=0.1', '--lr', '0.1']\n"


def test_the_models_of_guild_are_namespaces(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "- config: shared\n  flags: {x: 1}\n"
        "- model: net\n  operations:\n    train: {exec: 'echo ${x}', flags: {x: 2}}\n"
        "    test: {main: gone.module}\n    odd: {}\n",
    )
    said, operations = made(tmp_path)
    assert list(operations) == ["net:train", "net:test"]
    assert "left out: guild.yml: odd: neither main nor exec nor steps" in said
    assert ran(tmp_path, "net:train") == "2\n"


def test_a_file_that_cannot_be_read_takes_no_other_operation_along(tmp_path):
    put(tmp_path, "old.py", "print 'of Python 2'\n")
    put(tmp_path, "params.yaml", "a: [\n")
    put(tmp_path, "guild.yml", "old: {main: old}\ngood: {exec: echo good}\n")
    put(tmp_path, "dvc.yaml", "stages: {fit: {cmd: echo fit, params: [a]}, more: {cmd: echo}}\n")
    _, operations = made(tmp_path)
    assert {"old", "good", "more"} <= operations.keys()
    assert ran(tmp_path, "good") == "good\n"


DVC = """\
stages:
  prepare:
    cmd: cp raw/data.csv data/prepared.csv
    deps: [raw/data.csv]
    outs: [data/prepared.csv]
  train:
    desc: Fit it
    cmd:
      - python train.py
      - cp data/prepared.csv model/model.bin
    deps:
      - train.py
      - data/prepared.csv
    params:
      - train
      - seed
    outs:
      - model/model.bin: {cache: false}
    metrics:
      - metrics.json: {cache: false}
  each:
    foreach: []
    do: {cmd: 'echo ${item}'}
"""

DVC_TRAIN = """\
import json, yaml
params = yaml.safe_load(open("params.yaml"))
json.dump({"loss": params["train"]["lr"] * params["seed"]}, open("metrics.json", "w"))
"""


def test_the_stages_of_dvc_and_a_pipeline_of_them(tmp_path):
    write(tmp_path, dvc__yaml=DVC, train__py=DVC_TRAIN)
    put(tmp_path, "params.yaml", "seed: 2\ntrain:\n  lr: 0.5\n  deep: {er: 1}\n")
    put(tmp_path, "raw/data.csv", "1\n")
    said, operations = made(tmp_path)
    assert list(operations) == ["prepare", "train", "pipeline"]
    assert (
        "left out: dvc.yaml: each: foreach: neither a list nor a mapping that has anything" in said
    )
    assert "gage run pipeline" in said
    assert operations["pipeline"].data["description"] == "All stages but each"
    assert gage("run", "-y", cwd=tmp_path).code == 0
    assert gage("cat", "train@", "model/model.bin", cwd=tmp_path).out == "1\n"
    assert gage("run", "-y", "train", "train.lr=2", cwd=tmp_path).code == 0
    shown = json.loads(gage("show", "train@", "--json", cwd=tmp_path).out)
    assert shown["metrics"] == {"loss": 4}
    assert set(shown["config"]) == {"seed", "train.lr", "train.deep.er"}


DVC_GROUPS = """\
stages:
  fetch:
    foreach: [uk, us]
    do:
      cmd: echo ${item} > ${item}.txt
      outs: ["${item}.txt"]
  fit:
    foreach:
      small: {lr: 1}
      large: {lr: 2}
    do: {cmd: "echo ${key} lr=${item.lr} seed=${seed}"}
  grid:
    matrix:
      model: [a, b]
      size: "${sizes}"
    cmd: cat uk.txt; echo ${item.model} ${item.size.n}
    deps: [uk.txt]
  wide: {foreach: "${many}", do: {cmd: echo}}
  nothing: {foreach: 5, do: {cmd: echo}}
  fetch-uk: {cmd: echo again}
"""


def test_the_stages_of_groups_of_dvc_are_operations_of_their_own(tmp_path):
    put(tmp_path, "dvc.yaml", DVC_GROUPS)
    put(
        tmp_path, "params.yaml", f"seed: 3\nsizes: [{{n: 8}}, {{n: 9}}]\nmany: {list(range(101))}\n"
    )
    said, operations = made(tmp_path)
    grid = [f"grid-{model}-size{i}" for model in "ab" for i in (0, 1)]
    assert list(operations) == ["fetch-uk", "fetch-us", "fit-small", "fit-large", *grid, "pipeline"]
    assert operations["fit-large"].data["exec"] == "echo large lr=2 seed=${seed}"
    assert operations["grid-b-size1"].data["depends"] == [{"run": "fetch-uk", "files": "/uk.txt"}]
    for line in (
        "wide: foreach: more than 100 stages",
        "nothing: foreach: neither a list nor a mapping that has anything",
        "fetch-uk: another stage is called fetch-uk here",
    ):
        assert f"left out: dvc.yaml: {line}\n" in said
    told = gage("run", "-y", cwd=tmp_path)
    assert told.code == 0, told.err
    assert gage("cat", "grid-b-size1@", "uk.txt", cwd=tmp_path).out == "uk\n"
    assert gage("log", "grid-b-size1@", cwd=tmp_path).out == "uk\nb 9\n"


MLPROJECT = """\
name: Example
conda_env: conda.yaml
entry_points:
  main:
    parameters:
      lr: {type: float, default: 1}
      kind: string
    command: "python train.py --lr {lr} --kind {kind}"
  shell:
    command: echo ${HOME:+home} {braces}
"""


def test_the_entry_points_of_an_mlproject(tmp_path):
    write(tmp_path, MLproject=MLPROJECT, train__py=PARSED)
    said, operations = made(tmp_path)
    assert list(operations) == ["main", "shell"]
    assert "left out: MLproject: conda_env" in said
    assert ran(tmp_path, "kind=b c", "lr=0.5") == "loss: 0.5 kind=b c\n"
    assert ran(tmp_path, "shell") == "home {braces}\n"
    told = gage("run", "-y", cwd=tmp_path)
    assert "kind: a value is required" in told.err


@pytest.mark.parametrize("name", ["gage.yaml", "gage.toml", "gage.json"])
def test_a_gage_file_is_never_touched(tmp_path, name):
    write(tmp_path, train__py=TRAIN)
    put(tmp_path, name, "theirs")
    told = gage("new", cwd=tmp_path)
    assert (told.out, told.code) == ("", 20)
    assert told.err.startswith(f"gage new: {name}: there already\nhint: gage check")
    assert (tmp_path / name).read_text() == "theirs"
    assert sorted(os.listdir(tmp_path)) == sorted([name, "train.py"])


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path):
    write(tmp_path, train__py=TRAIN)
    os.symlink("elsewhere", tmp_path / "gage.yaml")
    assert gage("new", cwd=tmp_path).code == 20
    assert not (tmp_path / "elsewhere").exists()


def test_where_nothing_can_be_written_the_gage_file_is_named():
    with ordinary_place() as place:
        put(place, "train.py", TRAIN)
        os.chmod(place, 0o555)
        told = gage("new", cwd=place)
        assert (told.out, told.err) == ("", "gage new: gage.yaml: Permission denied\n")
        assert told.code != 0
        assert os.listdir(place) == ["train.py"]


def test_print_prints_the_same_and_writes_nothing(tmp_path):
    write(tmp_path, train__py=TRAIN)
    printed = gage("new", "--print", cwd=tmp_path)
    assert os.listdir(tmp_path) == ["train.py"]
    assert printed.err == "train  train.py  lr, epochs are config\n"
    gage("new", cwd=tmp_path)
    assert printed.out == (tmp_path / "gage.yaml").read_text()
    assert gage("new", "--print", cwd=tmp_path).out == printed.out


def test_where_nothing_can_be_run_that_is_said(tmp_path):
    write(tmp_path, notes__txt="x", lib__py="x = 1\n")
    told = gage("new", cwd=tmp_path)
    assert told.code == 10
    assert "left out: lib.py" in told.err
    assert "gage new: nothing here that could be run\nhint: write a script" in told.err
    assert not (tmp_path / "gage.yaml").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("guild.yml", "a: !!python/object/apply:os.system ['touch owned']\n"),
        ("guild.yml", "a: [\n"),
        ("guild.yml", "[1, 2, {operations: 3}]"),
        ("guild.yml", "a: {main: 'x \\'', flags: 3}\nb: {steps: 3}\nc: {exec: '${x}'}"),
        (
            "guild.yml",
            "a: {exec: x, flags: {'b c': 1, d: {choices: [[1]], type: int}}, env: {1: 2}}",
        ),
        ("dvc.yaml", "stages: {a: {cmd: x, deps: [1, {b: 2}], params: [{p.yaml: [x]}]}, b: 3}"),
        ("dvc.yaml", DVC_CIRCLE),
        ("dvc.yaml", "3"),
        ("MLproject", "entry_points: {main: {command: 3}, b: {command: '{x', parameters: [1]}}"),
        ("MLproject", "a: &a [x]\nb: [*a, *a]\nentry_points: 1"),
    ],
)
def test_a_file_that_makes_no_sense_costs_nothing_else(tmp_path, name, text):
    write(tmp_path, train__py=TRAIN)
    put(tmp_path, name, text)
    _, operations = made(tmp_path)
    assert "train" in operations
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["a.py", "a.ipynb"])
def test_a_script_that_cannot_be_read_is_left_out(tmp_path, name):
    write(tmp_path, train__py=TRAIN)
    put(tmp_path, name, "def (:\n")
    said, operations = made(tmp_path)
    assert list(operations) == ["train"]
    assert f"left out: {name}: " in said


def test_text_that_would_steer_the_terminal_is_shown_escaped(tmp_path):
    put(tmp_path, "guild.yml", 'a: {exec: echo, description: "\\e[2J", "\\e[3J": 1}\n')
    said, operations = made(tmp_path)
    assert "\x1b" not in said + (tmp_path / "gage.yaml").read_text()
    assert operations["a"].data["description"] == "\x1b[2J"


TEXT = st.text(min_size=1, max_size=20)
SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT,
    st.sampled_from(["yes", "1e-3", "a: b", "a #b", "- a", "{a}", "[a]", "a, b", "'a'"]),
)  # fmt: skip


@given(SCALAR, st.lists(SCALAR, max_size=3), st.dictionaries(TEXT, SCALAR, max_size=3))
def test_what_is_written_reads_back(tmp_path, scalar, items, values):
    from gage.located import read_document

    definition = {"one": scalar, "many": items, "more": values, "deep": [{"a": {"b": items}}]}
    path = str(tmp_path / "gage.yaml")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(FirstFile([Found("a:b", "x", definition)], []).text)
    assert read_document(path).data == {"a:b": definition}


def test_of_the_params_of_a_stage_those_are_taken_that_are_there(tmp_path):
    put(tmp_path, "params.yaml", "lr: 0.5\ndeep: {a: 1}\n")
    put(tmp_path, "dvc.yaml", "stages:\n  fit: {cmd: echo fit, params: [lr, deep, gone]}\n")
    said, operations = made(tmp_path)
    assert operations["fit"].data["config"] == ["params.yaml#lr", "params.yaml#deep.**"]
    assert "left out: dvc.yaml: fit: params: gone: not in params.yaml\n" in said


def test_operations_of_guild_that_are_none_are_told(tmp_path):
    put(tmp_path, "guild.yml", "- {model: m, operations: 5}\n- operations: {a: {exec: echo}}\n")
    said, operations = made(tmp_path)
    assert list(operations) == ["a"]
    assert "left out: guild.yml: m: operations: 5: no mapping\n" in said


def test_stages_that_need_each_other_make_no_pipeline(tmp_path):
    put(tmp_path, "dvc.yaml", DVC_CIRCLE)
    said, operations = made(tmp_path)
    assert list(operations) == ["a", "b"]
    assert "no pipeline: the stages depend on each other in a circle" in said


def test_what_no_run_would_get_past_is_left_out_with_its_place(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "good: {exec: echo good}\n"
        "gone: {exec: 'echo ${gone}'}\n"
        "bad: {exec: 'echo ${n}', flags: {n: {type: int, default: text}}}\n"
        "both: {steps: [good, {flags: {n: 1}}]}\n"
        "given: {steps: [good n=1]}\n",
    )
    said, operations = made(tmp_path)
    assert list(operations) == ["good"]
    assert "left out: guild.yml: gone: exec: ${gone}: no such flag or config\n" in said
    assert "left out: guild.yml: bad: flags.n.default: " in said
    assert "left out: guild.yml: both: steps.1.run: expected a string that is not empty\n" in said
    assert "left out: guild.yml: given: steps.0: n: " in said


def test_the_vars_of_dvc_stand_where_they_are_used(tmp_path):
    put(tmp_path, "params.yaml", "lr: 0.5\ndirs: {data: in}\ndeep: yes\nwords: a b\n")
    put(tmp_path, "more.json", '{"kind": "small", "sizes": [3, 4], "unused": {}}')
    put(tmp_path, "in/rows.csv", "1\n")
    put(
        tmp_path,
        "dvc.yaml",
        "vars:\n  - {say: {it: echo}}\n  - more.json:kind,sizes\n"
        "stages:\n"
        "  fit:\n"
        "    cmd: >-\n"
        "      ${say.it} lr=${lr} ${words} ${deep} ${kind} ${sizes[1]} ${own} \\${UID:+uid}\n"
        "      && cat ${dirs.data}/rows.csv\n"
        "    vars: [{own: 7}]\n"
        "    deps: ['${dirs.data}/rows.csv']\n"
        "  lost: {cmd: '${nowhere} x'}\n"
        "  many: {cmd: 'echo ${dirs}'}\n",
    )
    said, operations = made(tmp_path)
    assert list(operations) == ["fit"]
    assert "left out: dvc.yaml: vars: their values stand where they are used" in said
    assert "left out: dvc.yaml: lost: ${nowhere}: not among vars and what params.yaml has" in said
    assert "left out: dvc.yaml: many: ${dirs}: no single value" in said
    assert operations["fit"].data["config"] == "params.yaml#lr"
    told = ran(tmp_path, "fit", "lr=2.5")
    assert told.replace(" uid", "") == "lr=2.5 a b true small 4 7\n1\n"


@pytest.mark.parametrize(
    ("items", "why"),
    [("[gone.yaml]", "gone.yaml: no such file"), ("[1]", "1: neither a mapping nor a file")],
)
def test_vars_that_make_no_sense_are_said(tmp_path, items, why):
    put(tmp_path, "dvc.yaml", f"vars: {items}\nstages: {{a: {{cmd: echo a}}}}\n")
    said, operations = made(tmp_path)
    assert list(operations) == ["a"]
    assert f"left out: dvc.yaml: {'' if 'gone' in why else 'vars: '}{why}" in said


def test_what_dvc_has_and_gage_has_not_is_said(tmp_path):
    put(
        tmp_path,
        "dvc.yaml",
        "artifacts: {m: {path: m}}\nplots: [p.csv]\n"
        "stages:\n  fit:\n    cmd: echo\n    wdir: src\n    frozen: true\n"
        "    always_changed: true\n    meta: {a: 1}\n    plots: [p.csv]\n"
        "    deps: 7\n    metrics: [a.json, b.json]\n"
        "  more: {cmd: echo, deps: [../x, [1]], frozen: false}\n",
    )
    said, operations = made(tmp_path)
    assert "left out: dvc.yaml: artifacts, plots: no counterpart here\n" in said
    lost = "frozen, always_changed, meta, plots"
    assert f"left out: dvc.yaml: fit: {lost}: no counterpart here\n" in said
    assert "left out: dvc.yaml: fit: deps: 7: no path\n" in said
    assert "fit: metrics: src/b.json: a run has one summary, here src/a.json\n" in said
    assert "left out: dvc.yaml: more: deps: ../x: not within the project, and not copied" in said
    assert "left out: dvc.yaml: more: deps: [1]: no path\n" in said
    assert "wdir" not in said
    assert operations["fit"].data["exec"] == "mkdir -p src && cd src && echo"
    assert "depends" not in operations["fit"].data


def test_the_deps_of_a_stage_that_are_code_are_its_source(tmp_path):
    put(tmp_path, "params.yaml", "lr: 1\n")
    put(tmp_path, "src/fit.py", "import lib.part\nprint(open('rows.csv').read())\n")
    put(tmp_path, "src/lib/part.py", "")
    put(tmp_path, "src/rows.csv", "1")
    put(
        tmp_path,
        "dvc.yaml",
        "stages:\n  fit:\n    cmd: python fit.py\n    wdir: src\n    deps: [lib, rows.csv]\n"
        "    params: [{../params.yaml: [lr]}]\n",
    )
    said, operations = made(tmp_path)
    assert "fit  dvc.yaml  stage fit, whose deps name its code: src/lib" in said
    assert operations["fit"].data["sourcecode"] == [
        "/src/lib/**", "/src/fit.py", "/params.yaml"
    ]  # fmt: skip
    assert operations["fit"].data["depends"] == [{"files": "/src/rows.csv"}]
    assert ran(tmp_path, "fit", "lr=3") == "1\n"
    put(tmp_path, "NOTES.md", "of no interest\n")
    assert "not needed" in gage("run", "-y", "fit", "lr=3", "-n", cwd=tmp_path).err
    put(tmp_path, "src/lib/part.py", "x = 1\n")
    assert ran(tmp_path, "fit", "lr=3", "-n") == "1\n"


SOURCECODE = """\
page: {main: train, sourcecode: [include: '*.py', exclude: 'scratch/*']}
plain: {main: train, sourcecode: '*.py'}
less: {main: train, sourcecode: [exclude: {dir: scratch}]}
more: {main: train, sourcecode: [include: '*.csv']}
none: {exec: echo, sourcecode: no}
none-of-main: {main: train, sourcecode: no}
selected: {main: train, sourcecode: {root: src, select: [include: '*.py']}}
odd: {exec: echo, sourcecode: [include: {text: '*.py'}, 3]}
"""


def test_the_source_code_of_guild(tmp_path):
    write(tmp_path, guild__yml=SOURCECODE, train__py="print(1)\n")
    said, operations = made(tmp_path, missing=["3"])
    assert {name: opdef.data.get("sourcecode") for name, opdef in operations.items()} == {
        "page": ["*.py", "-scratch/*"],
        "plain": ["*.py"],
        "less": ["*", "-scratch/"],
        "more": ["*", "*.csv"],
        "none": False,
        "none-of-main": None,
        "selected": ["*.py"],
        "odd": ["3"],
    }
    assert "less: sourcecode: it begins with *, all files" in said
    assert "none-of-main: sourcecode: no: a run has only what is copied" in said
    assert "selected: sourcecode: root: no counterpart here" in said
    assert "odd: sourcecode: include: text: *.py: no counterpart here" in said
    assert "page:" not in said
    put(tmp_path, "scratch/old.py", "")
    ran(tmp_path, "page")
    assert "scratch" not in gage("ls", cwd=tmp_path).out


def test_the_source_code_of_a_model_is_that_of_its_operations(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "- model: m\n  sourcecode: ['*.sh']\n  references: [x]\n  operations:\n"
        "    a: {exec: echo}\n    b: {exec: echo, sourcecode: ['*.py']}\n",
    )
    said, operations = made(tmp_path, missing=["*.sh", "*.py"])
    assert [o.data["sourcecode"] for o in operations.values()] == [["*.sh"], ["*.py"]]
    assert "left out: guild.yml: m: references: no counterpart here\n" in said


def test_the_steps_of_guild_keep_what_there_is_here(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "train: {exec: touch model}\n"
        "all:\n"
        "  requires: train\n"
        "  steps:\n"
        "    - {run: train, expect: [{file: model}], needed: yes, tag: t, gpus: 1}\n"
        "    - {run: train, expect: [{output: done}, {file: x, contains: y}]}\n",
    )
    said, operations = made(tmp_path)
    first = {"run": "train --needed", "tags": ["t"], "expect": {"files": ["model"]}}
    assert operations["all"].data["steps"] == [first, {"run": "train"}]
    assert "all: steps.0: gpus: no counterpart here\n" in said
    assert "all: steps.1: expect: output: done: no counterpart here\n" in said
    assert "all: steps.1: expect: file: x, contains: y: no counterpart here\n" in said
    assert "all: requires: is for its steps to say\n" in said
    assert gage("run", "-y", "all", cwd=tmp_path).code == 0


def test_a_text_that_guild_requires_is_an_operation_where_there_is_one(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "train: {exec: touch model, requires: train}\n"
        "test: {exec: ls model, requires: train}\n"
        "more: {exec: ls, requires: [train.csv, {config: c.yml}, {operation: train, as: x}]}\n",
    )
    put(tmp_path, "train", "a file\n")
    said, operations = made(tmp_path, missing=["train.csv"])
    assert operations["train"].data["depends"] == [{"files": "train"}]
    assert operations["test"].data["depends"] == [{"run": "train"}]
    assert operations["more"].data["depends"] == [{"files": "train.csv"}, {"run": "train"}]
    assert "more: requires: config: no counterpart here\n" in said
    assert "more: requires: as: no counterpart here\n" in said
    ran(tmp_path, "train")
    assert ran(tmp_path, "test") == "model\n"


def test_the_output_scalars_of_guild_keep_what_there_is_here(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "a:\n  exec: echo 'epoch 3 loss 0.5'; echo acc=0.9\n  output-scalars:\n"
        "    - loss: 'epoch \\step loss (\\value)'\n    - 'acc=(?P<acc>\\value)'\n"
        "    - '(\\key): (\\value)'\n    - all: '(\\key)=(\\value)'\n    - no: [3]\n"
        "b: {exec: echo, output-scalars: off}\n",
    )
    said, _ = made(tmp_path)
    ran(tmp_path, "a")
    shown = json.loads(gage("show", "--json", cwd=tmp_path).out)
    assert shown["metrics"] == {"loss": 0.5, "acc": 0.9}
    assert said.count("left out: guild.yml: a: output-scalars: ") == 3
    assert "guild.yml: b:" not in said


def test_what_else_guild_says_of_a_flag_is_said(tmp_path):
    put(
        tmp_path,
        "guild.yml",
        "a: {exec: echo, label: 'x ${lr}', flags: {$include: b, lr: [1, 2], x: {arg-switch: y}}}\n"
        "b: {exec: echo, label: plain}\n",
    )
    said, operations = made(tmp_path)
    assert "a: flags: lr: several values: run them with lr=[1,2]\n" in said
    assert "a: flags: x: arg-switch: no counterpart here\n" in said
    assert "a: flags: $include: not taken\n" in said
    assert "a: label: x ${lr}: a label is plain text\n" in said
    assert operations["b"].data["label"] == "plain"


def test_a_script_whose_name_cannot_be_shown_is_left_out_and_said(tmp_path):
    put(tmp_path, "a\nb.py", "print(1)\n")
    put(tmp_path, "c\x1b[2J.sh", "echo\n")
    put(tmp_path, "d\te", "#!/bin/sh\n", 0o755)
    put(tmp_path, "f\tg.txt", "no program\n")
    with open(os.fsencode(tmp_path) + b"/h\xff.py", "w", encoding="utf-8") as file:
        file.write("print(1)\n")
    put(tmp_path, "train.py", "print(1)\n")
    said, operations = made(tmp_path)
    assert list(operations) == ["train"]
    left = [line.split(": ")[1] for line in said.splitlines() if line.startswith("left out")]
    assert left == ["a\\nb.py", "c\\x1b[2J.sh", "d\\te", "h\\udcff.py"]


@pytest.fixture
def only_python3(tmp_path):
    """The variables of a PATH that has python3, sh and git, and no python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("python3", "sh"):
        # A link to the python of a virtual environment would lose its packages, a script not.
        put(folder, name, f'#!/bin/sh\nexec {shutil.which(name)} "$@"\n', 0o755)
    return {"PATH": str(folder)}


def test_where_only_python3_is_it_runs_what_is_written(tmp_path, only_python3):
    project = tmp_path / "p"
    put(project, "t.py", "print('ran')\n")
    put(project, "m.py", "print('main')\n")
    put(project, "guild.yml", "main: {main: m}\n")
    assert gage("new", cwd=project, env=only_python3).code == 0
    assert "exec: python3 t.py" in (project / "gage.yaml").read_text()
    assert gage("run", "-y", "t", cwd=project, env=only_python3).out == "ran\n"
    assert gage("run", "-y", "main", cwd=project, env=only_python3).out == "main\n"
