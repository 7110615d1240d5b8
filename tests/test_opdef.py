from gage.opdef import (
    Dependency,
    FlagDef,
    OpDef,
    config_selectors,
    default_tags,
    dependencies,
    digest_algorithm,
    flag_defs,
    phases,
    sourcecode_rule,
    summary_file,
)


def test_an_exec_that_is_no_mapping_is_the_phase_run() -> None:
    assert phases(OpDef("a", {"exec": "x"})) == {"run": "x"}
    assert phases(OpDef("a", {"exec": ["x", "y"]})) == {"run": ["x", "y"]}
    assert phases(OpDef("a", {"steps": ["b"]})) == {}


def test_phases_come_in_their_order() -> None:
    spec = {"finalize": "f", "run": "r", "stage-sourcecode": "s"}
    assert list(phases(OpDef("a", {"exec": spec}))) == ["stage-sourcecode", "run", "finalize"]


def test_a_text_is_a_list_of_one() -> None:
    opdef = OpDef("a", {"config": "a.py", "tags": "t", "depends": [{"files": "x"}]})
    assert config_selectors(opdef) == ["a.py"]
    assert default_tags(opdef) == ["t"]
    assert dependencies(opdef) == [Dependency(files=("x",))]


def test_source_code_is_by_rule_by_pattern_or_none() -> None:
    assert sourcecode_rule(OpDef("a", {})) is None
    assert sourcecode_rule(OpDef("a", {"sourcecode": True})) is None
    assert sourcecode_rule(OpDef("a", {"steps": ["b"]})) == []
    assert sourcecode_rule(OpDef("a", {"sourcecode": False})) == []
    assert sourcecode_rule(OpDef("a", {"sourcecode": []})) == []
    assert sourcecode_rule(OpDef("a", {"sourcecode": "*.py"})) == ["*.py"]


def test_a_flag_is_its_default_or_a_mapping() -> None:
    flags = {"a": 1, "b": None, "c": {}, "d": {"default": None, "type": "int", "choices": [1]}}
    assert flag_defs(OpDef("a", {"flags": flags})) == {
        "a": FlagDef("a", default=1, has_default=True),
        "b": FlagDef("b", default=None, has_default=True),
        "c": FlagDef("c"),
        "d": FlagDef("d", has_default=True, type="int", choices=(1,)),
    }


def test_a_dependency_takes_completed_runs_unless_it_says_otherwise() -> None:
    raw = [{"run": "prepare"}, {"run": "p", "status": "error", "files": ["a", "b"], "as": "in"}]
    assert dependencies(OpDef("a", {"depends": raw})) == [
        Dependency(run="prepare"),
        Dependency(files=("a", "b"), run="p", status="error", as_="in"),
    ]


def test_what_is_not_said_has_a_default() -> None:
    opdef = OpDef("a", {})
    assert (summary_file(opdef), digest_algorithm(opdef)) == ("summary.json", "sha256")
    assert (flag_defs(opdef), config_selectors(opdef), dependencies(opdef)) == ({}, [], [])
