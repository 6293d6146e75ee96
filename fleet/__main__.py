"""`python -m fleet`: says what to do where what it stands on is not installed."""

import sys

from fleet.installed import advise

try:
    from fleet.command import main
except ImportError as error:
    sys.exit(advise(error, "fleet", "run"))

if __name__ == "__main__":
    sys.exit(main())
