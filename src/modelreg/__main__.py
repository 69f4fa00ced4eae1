"""`python -m modelreg`, and the command `modelreg`."""

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.implementation.name == "cpython":
        # A command makes what it needs and ends: to look for cycles on the way, and all through in the end, would
        # take a tenth of its time.
        gc.set_threshold(50_000, 20, 20)
    if sys.argv[1:] == ["--version"]:
        from modelreg import __version__

        try:
            print(f"modelreg {__version__}", flush=True)
            sys.exit(0)
        except OSError:  # which is said below
            pass

    try:
        from modelreg.cli.main import main as run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before the application could see to it, nothing having been done
        code = 130
    if sys.implementation.name == "cpython":
        gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
