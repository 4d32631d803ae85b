"""``python -m skdigits``."""

import sys

from skdigits._cli import main

if __name__ == "__main__":
    sys.exit(main())
