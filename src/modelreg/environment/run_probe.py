"""Run the probe that lies beside this, in any CPython from 3.8 on: `run_probe.py WORD [whole]`.

It prints the word and then one JSON document; with `whole`, that tells of each distribution all that a record holds.
The probe is not the script itself because Python compiles a script each time, which takes longer than most environments
take to be read.
"""

import os
import sys


def _load(path):
    """Run a module that is on no path, under a name that the environment cannot have taken, and return its names."""
    names = {"__name__": "modelreg.environment.probe", "__file__": path}
    sys.dont_write_bytecode = True  # other interpreters' would be left in modelreg's own folder
    exec(_loader()(names["__name__"], path).get_code(names["__name__"]), names)  # noqa: S102  # it is modelreg's own
    return names


def _loader():
    """Return what loads sources and what was compiled of them: that of this script, or where it has none, by import."""
    if "__loader__" in globals():  # Python means to leave it out one day
        return type(globals()["__loader__"])
    from importlib.machinery import SourceFileLoader

    return SourceFileLoader


if __name__ == "__main__":
    _load(__file__[: -len("run_probe.py")] + "probe.py")["answer"](sys.argv[1], sys.argv[2:] == ["whole"])
    os._exit(0)  # who asked waits for the end, and to take everything apart takes a tenth of the time
