"""`python -m fleet`: says what to do where what it stands on is not installed."""

import sys

try:
    from fleet.command import main
except ImportError as error:
    sys.exit(f"The package {error.name} is missing. Type: rm -f .venv/*.stamp && make run")

if __name__ == "__main__":
    sys.exit(main())
