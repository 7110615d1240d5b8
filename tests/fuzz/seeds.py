"""Inputs that the targets of fuzzing understand, by target, for it to begin with."""

# ruff: noqa: E501

SEEDS: dict[str, list[bytes]] = {
    "gage.yaml": [
        b"train:\n  exec: python train.py ${x}\n  config: train.py#*\n  flags: {lr: {type: float, min: 0}}\n"
        b"  depends: [{run: a, files: '*.csv', select: 'lr > 1'}]\n  metrics: {loss: 'l: (.)'}\n",
        b"a: &a {exec: [x]}\nb: *a\np: {steps: [a x=1, {run: b, needs: [a], expect: {exit: 0}}]}\n",
    ],
    "gage.json": [b'{"a": {"exec": ["x", "${y}"], "flags": {"y": 1}}, "$digest": "blake3"}'],
    "gage.toml": [b'[a]\nexec = "x ${y}"\n[a.flags]\ny = {type = "int", default = 1}\n'],
    "a batch file": [b"\0lr,n\n0.1,2\n", b'\1[{"lr": 0.1}]', b"\2- {lr: 0.1}\n", b"\3[[trials]]\na = 1\n"],
    "config in Python": [b"yes\xff\na = 1\nb: float = -0.5\nc = {'d': [1, None, \"x\"]}  # e\n", b'"\\n"\xff\na = """x\ny"""\n'],
    "config in YAML": [b"a b\xff\na: 1\nb: {c: 'x', d: [yes, ~]}\ne: |\n  f\n  g\n", b"x\xff\na: &b 1\nc: *b\n<<: {d: 1}\n"],
    "config in JSON": [b'1\xff\n{"a": 1, "b": [true, null, "\\u00e9"], "c": {"d": -1.5e3}}'],
    "config in TOML": [b"1\xff\na = 1\n[b]\nc = 'x'\nd = [1, {e = true}]\n[[f]]\ng = 1979-05-27\n"],
    "config in notebooks": [b'x\xff\n{"cells": [{"cell_type": "code", "source": ["a = 1\\n", "%time b = 2"]}], "nbformat": 4}'],
    "shell text": [b"echo ${x} \"${y} $(a '${z}')\" $((1+${n})) # ${c}\ncat <<E\n$${q}\nE\n"],
    "a flag": [b"int=1", b"any=1e3", b"word=\"x\\n\"", b"one=2.5", b"less=.inf", b"t=x", b"yes=no"],
    "a sequence": [b"[1,2,'a']", b"range[0:1:0.25]", b"linspace[0:1:3]", b"logspace[1:3:3]", b"[range[1:3],\"b\"]"],
    "a manifest": [b"s " + b"0" * 64 + b" a/b\n\\g blake3:" + b"0" * 64 + b" a\\nb\nd link:" + b"0" * 64 + b" c\n"],
    "log/files": [b"a s 1763726400000000 a b\nd g - c\n"],
    "an index of output": [b"1763726400000000 o 12 34\n"],
    "an opref": [b'2 ns name', b'2 "" "a b" 1'],
    "the name of an operation": [b"m1:fail"],
    "a filter": [b"lr > 0.1 and not (status in (error, 'x') or label ~ \"a b\")", b"started > 'last 2 hours'"],
    "a time": [b"after 2026-11-21 10:00", b"between yesterday and today", b"last 2 hours", b"this week"],
    "a format": [b"%(id) %(config.lr)\\t%%"],
    "a selector": [b"-conf/**/*.yaml#db.*.\"a.b\"", b"a.py"],
    "a pattern": [b"*.py\n-scratch/\n!x\n**/a[b-d]?\n\\#a"],
    "a step": [b"train lr=${x} 'a b'=c --label \"l\" --tag t --needed"],
    "a patch": [b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n\\ No newline at end of file\n"],
}  # fmt: skip
