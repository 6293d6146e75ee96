"""`python -m ops`; prints what to do where its dependencies are not installed."""

import sys

try:
    from ops.command import main
except ImportError as error:
    sys.exit(f"The package {error.name} is missing. Type: rm -f .venv/*.stamp && make doctor")

if __name__ == "__main__":
    sys.exit(main())
