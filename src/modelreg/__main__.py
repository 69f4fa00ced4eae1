"""`python -m modelreg`, and the command `modelreg`."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from modelreg import __version__

        print(f"modelreg {__version__}")
        sys.exit(0)

    from modelreg.cli.app import main as run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
