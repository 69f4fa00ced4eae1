"""Run the probe that lies beside this, in any CPython from 3.8 on: `run_probe.py WORD [whole]`.

It prints the word and then one JSON document; with `whole`, that tells of each distribution all that a record holds.
The probe is not the script itself because Python compiles a script each time, which takes longer than most environments
take to be read.
"""

import sys


def _load(path):
    """Run a module that is on no path, under a name that the environment cannot have taken, and return its names."""
    names = {"__name__": "modelreg.environment.probe", "__file__": path}
    sys.dont_write_bytecode = True  # other interpreters' would be left in modelreg's own folder
    loader = type(__loader__)(names["__name__"], path)  # type: ignore[name-defined]  # the one of this script
    exec(loader.get_code(names["__name__"]), names)  # noqa: S102  # it is modelreg's own
    return names


if __name__ == "__main__":
    _load(__file__[: -len("run_probe.py")] + "probe.py")["answer"](sys.argv[1], sys.argv[2:] == ["whole"])
