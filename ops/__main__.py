"""`python -m ops`; prints what to do if its dependencies are not installed."""

import sys

from fleet.installed import advise

try:
    from ops.command import main
except ImportError as error:
    sys.exit(advise(error, "ops", "doctor"))

if __name__ == "__main__":
    sys.exit(main())
