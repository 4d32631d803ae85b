"""``skdigits`` and ``python -m skdigits``."""

import sys


def main() -> int:
    """Run the command line; nothing is imported before a Ctrl-C can be answered in a line."""
    try:
        from skdigits._cli import main as run

        return run()
    except KeyboardInterrupt:
        print("skdigits: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
