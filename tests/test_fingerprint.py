"""Fingerprints: equal where the same went in, and different where anything differs."""

import re

from gage.fingerprint import fingerprint
from gage.manifest import Entry
from gage.opref import OpRef

SHA = "3f9c639e1d6b056c071b44752ea97c694127291443065afa2689bf78ef3b8fb0"


def test_a_fingerprint_tells_what_went_in():
    opref, command, config = OpRef("m1", "train"), ["python", "train.py"], {"lr": 0.1, "n": 1}
    taken = [Entry("s", SHA, "train.py"), Entry("d", SHA, "data.csv")]
    same = fingerprint(opref, command, config, taken)
    assert re.fullmatch("[0-9a-f]{64}", same)
    assert same == fingerprint(opref, command, {"n": 1, "lr": 0.1}, taken[::-1])
    assert same == fingerprint(opref, command, config, [*taken, Entry("g", SHA, "model.bin")])
    others = [
        fingerprint(OpRef("m2", "train"), command, config, taken),
        fingerprint(opref, "python train.py", config, taken),
        fingerprint(opref, command, {"lr": 0.2, "n": 1}, taken),
        fingerprint(opref, command, {"lr": 0.1, "n": 1.0}, taken),
        fingerprint(opref, command, {"lr": 0.1, "n": True}, taken),
        fingerprint(opref, command, config, taken[:1]),
        fingerprint(opref, command, config, [*taken[:1], Entry("s", SHA, "data.csv")]),
    ]
    assert len({same, *others}) == 8
