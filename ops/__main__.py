"""`python -m ops`: says what to do where what it stands on is not installed."""

import sys

try:
    from ops.command import main
except ImportError as error:
    sys.exit(f"The package {error.name} is missing. Type: rm -f .venv/*.stamp && make doctor")

if __name__ == "__main__":
    sys.exit(main())
