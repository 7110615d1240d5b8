"""Fuzzing that is guided by coverage: ``TARGET [OPTION]... CORPUS``, as libFuzzer has them."""

import sys

import atheris

with atheris.instrument_imports(include=["gage"]):
    from tests.fuzz.targets import TARGETS, run_any, run_target


def main() -> None:
    name, *options = sys.argv[1:]

    def one_input(data: bytes) -> None:
        if name == "all":
            run_any(data)
        else:
            run_target(name, data)

    assert name == "all" or name in TARGETS
    atheris.Setup([sys.argv[0], *options], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
