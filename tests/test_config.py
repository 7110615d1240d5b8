import json
import math
import os
from pathlib import Path

import pytest

from gage.config import changed_files, read_config, unknown_key
from gage.errors import ConfigError
from gage.scalar import Scalar

FILES = {
    "train.py": "lr = 0.1\nepochs = 3\nname = 'a'\nx_1 = x_2 = 0\nbest = None\nlr_min = 1e-3\n",
    "conf/db.yaml": "db:\n  host: h  # c\n  port: 80\nlr: 2.5\n",
    "opts.json": '{"a b": [true, {"c.d": 1}]}',
    "conf/p.toml": "deep.er = 'x'\r\n",
    "book.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": ["rate = 1\n"]}]}),
    "notes.txt": "lr = 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    return str(tmp_path)


def keys(root: str, *selectors: str) -> list[str]:
    return list(read_config(root, selectors))


def changed(root: str, selectors: list[str], values: dict[str, Scalar]) -> dict[str, str]:
    return {
        file: after.decode() for file, (_, after) in changed_files(root, selectors, values).items()
    }


def test_every_format_is_read(root: str) -> None:
    found = read_config(root, ["train.py", "conf/*", "opts.json#**.*", "*.ipynb"])
    assert {key: (one.value, one.file, one.line) for key, one in found.items()} == {
        "train.py#lr": (0.1, "train.py", 1),
        "epochs": (3, "train.py", 2),
        "name": ("a", "train.py", 3),
        "best": (None, "train.py", 5),
        "lr_min": (0.001, "train.py", 6),
        "db.host": ("h", "conf/db.yaml", 2),
        "db.port": (80, "conf/db.yaml", 3),
        "conf/db.yaml#lr": (2.5, "conf/db.yaml", 4),
        "deep.er": ("x", "conf/p.toml", 1),
        '"a b".0': (True, "opts.json", 1),
        '"a b".1."c.d"': (1, "opts.json", 1),
        "rate": (1, "book.ipynb", 1),
    }


@pytest.mark.parametrize(
    "selectors, found",
    [
        (["train.py#lr"], ["lr"]),
        (["train.py", "-train.py#lr*"], ["epochs", "name", "best"]),
        (["train.py", "-train.py#lr*", "train.py#lr"], ["lr", "epochs", "name", "best"]),
        (["train.py#lr", "conf/**/*.yaml#db.*"], ["lr", "db.host", "db.port"]),
        (["conf/*", "-conf/*.yaml"], ["deep.er"]),
        (["train.py#lr", "conf/db.yaml", "-conf/db.yaml#lr"], ["lr", "db.host", "db.port"]),
        (["train.py#lr", "-train.py", "train.py#name"], ["name"]),
        (["train.py#lr", "-missing.py", "-other/*.py"], ["lr"]),
        ([], []),
        (["-train.py"], []),
    ],
)
def test_the_last_selector_that_means_a_key_decides(
    root: str, selectors: list[str], found: list[str]
) -> None:
    assert keys(root, *selectors) == found


def test_a_file_that_is_excluded_is_not_even_read(root: str) -> None:
    Path(root, "conf/broken.yaml").write_text("[")
    assert keys(root, "conf/*.yaml", "-conf/broken.yaml") == ["db.host", "db.port", "lr"]


@pytest.mark.parametrize(
    "selector, message, hint",
    [
        ("tarin.py", "tarin.py: no such file", "did you mean train.py?"),
        ("no/where.py", "no/where.py: no such file", ""),
        ("conf", "conf: not a file of config", "known by their names: .py, .yaml"),
        ("notes.txt", "notes.txt: not a file of config", "known by their names"),
        ("*.cfg", "*.cfg: no file of config matches", ""),
        ("*.txt", "*.txt: no file of config matches", ""),
        ("train.py#lt", "train.py#lt: no key of the config matches", "known here: lr, epochs"),
        ("opts.json#*.2", "opts.json#*.2: no key of the config matches", ""),
        ("conf/db.yaml#db", "conf/db.yaml#db: no key", "did you mean db.* or db.host?"),
        (
            "train.py#x_1",
            "train.py#x_1: x_1 is not bound to a literal of its own at the top level (line 4)",
            "",
        ),
        ("/etc/passwd", "/etc/passwd: not a file of the project", ""),
    ],
)
def test_a_selector_that_chooses_nothing_says_why(
    root: str, selector: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(root, [selector])
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith(hint)


def test_a_file_without_config_is_no_error(root: str) -> None:
    Path(root, "say.py").write_text("print('hi')\n")
    assert keys(root, "say.py") == []


def test_a_file_that_is_no_python_is_named_with_its_line(root: str) -> None:
    Path(root, "train.py").write_text("lr = 1\nx = (\n")
    with pytest.raises(ConfigError, match=r"^train.py:2: not Python"):
        read_config(root, ["train.py"])


def test_a_pipe_is_not_waited_for(root: str) -> None:
    os.mkfifo(os.path.join(root, "pipe.py"))
    with pytest.raises(ConfigError, match=r"^pipe.py: not a regular file"):
        read_config(root, ["pipe.py"])


def test_a_file_of_data_is_no_config(root: str) -> None:
    with open(os.path.join(root, "big.json"), "wb") as file:
        file.truncate(10_000_001)
    with pytest.raises(ConfigError, match="larger than 10 MB"):
        read_config(root, ["big.json"])


def test_a_link_is_read_as_the_file_it_leads_to(root: str) -> None:
    Path(root, "link.py").symlink_to("train.py")
    assert {one.file for one in read_config(root, ["*.py"]).values()} == {"train.py"}
    assert list(changed_files(root, ["link.py"], {"lr": 1.0})) == ["train.py"]


def test_a_link_out_of_the_project_is_refused(root: str, tmp_path: Path) -> None:
    inner = os.path.join(root, "conf")
    os.symlink("../train.py", os.path.join(inner, "out.py"))
    with pytest.raises(ConfigError, match="leads out of the project"):
        read_config(inner, ["out.py"])
    assert keys(inner, "*") == keys(inner, "db.yaml", "p.toml")


def test_only_files_that_change_are_named(root: str) -> None:
    selectors = ["train.py", "conf/*", "opts.json"]
    values: dict[str, Scalar] = {
        "epochs": 5,
        "name": "it's",
        "lr_min": 0.001,
        "conf/db.yaml#lr": 3,
        "db.host": "h",
        "out": "no constant at all",
    }
    assert changed(root, selectors, values) == {
        "train.py": FILES["train.py"].replace("3", "5", 1).replace("'a'", "'it\\'s'"),
        "conf/db.yaml": FILES["conf/db.yaml"].replace("2.5", "3.0"),
    }
    assert Path(root, "train.py").read_text() == FILES["train.py"]


def test_values_of_one_file_never_touch_another(root: str) -> None:
    Path(root, "other.py").write_text("lr = 0.1\n")
    after = changed(root, ["*.py"], {"train.py#lr": 0.2})
    assert list(after) == ["train.py"]


def test_a_key_of_two_files_has_to_be_said_with_its_file(root: str) -> None:
    with pytest.raises(ConfigError) as caught:
        changed_files(root, ["train.py", "conf/db.yaml"], {"lr": 0.2})
    assert caught.value.hint == "say which: train.py#lr or conf/db.yaml#lr"
    assert changed_files(root, ["train.py"], {"lr": 0.1}) == {}


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("lr", "a", "train.py:1: lr: a is of type string; expected float or int"),
        ("epochs", 1.5, "train.py:2: epochs: 1.5 is of type float; expected int"),
        ("epochs", True, "train.py:2: epochs: yes is of type boolean; expected int"),
        ("name", None, "train.py:3: name:  is of type null; expected string"),
        ("name", "a\0", "train.py:3: name: a string of config holds no NUL"),
        ("lr", 2**53 + 1, "train.py:1: lr: 9007199254740993 is more than a float"),
        ("lr", 10**400, "train.py:1: lr: 1000"),
    ],
)
def test_a_value_that_the_source_does_not_allow_is_refused(
    root: str, key: str, value: Scalar, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        changed_files(root, ["train.py"], {key: value})
    assert caught.value.message.startswith(message)


def test_a_forced_key_takes_a_value_of_another_kind(root: str) -> None:
    changes = changed_files(root, ["train.py"], {"epochs": "many"}, force=frozenset(["epochs"]))
    assert b'epochs = "many"\n' in changes["train.py"][1]


def test_an_integer_is_written_as_the_float_that_it_replaces(root: str) -> None:
    after = changed(root, ["train.py"], {"lr": 1, "best": 2, "lr_min": math.nan})
    assert after["train.py"] == (
        "lr = 1.0\nepochs = 3\nname = 'a'\nx_1 = x_2 = 0\nbest = 2\nlr_min = float(\"nan\")\n"
    )


def test_what_a_format_cannot_say_is_refused_by_name(root: str) -> None:
    with pytest.raises(ConfigError, match=r"^conf/p.toml: deep.er: .*TOML has no null"):
        changed_files(root, ["conf/p.toml"], {"deep.er": None}, force=frozenset(["deep.er"]))


def test_an_unknown_key_names_the_nearest() -> None:
    assert unknown_key("epoch", ["epochs", "lr"]).hint == "did you mean epochs?"
    assert unknown_key("zzz", ["epochs", "lr"]).hint == "known here: epochs, lr"
    assert unknown_key("lr", ["a.py#lr", "b.py#lr"]).hint == "say which: a.py#lr or b.py#lr"
