"""`python -m modelreg`, and the command `modelreg`."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from modelreg import __version__

        print(f"modelreg {__version__}")
        sys.exit(0)

    try:
        from modelreg.cli.app import main as run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before the application could see to it, nothing having been done
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
