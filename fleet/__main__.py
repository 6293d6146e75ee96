"""`python -m fleet`; prints what to do if its dependencies are not installed."""

import sys

from fleet.installed import advise

try:
    from fleet.command import main
except ImportError as error:
    sys.exit(advise(error, "fleet", "run"))

if __name__ == "__main__":
    sys.exit(main())
