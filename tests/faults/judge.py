"""`python -m tests.faults.judge FILE …` judges recorded histories again."""

import sys
from pathlib import Path

from tests.faults.checker import judge
from tests.fixtures.history import load_history


def main(names: list[str]) -> int:
    """Prints the breaches; returns 1 if there are any."""
    found = 0
    for name in names:
        violations = judge(load_history(Path(name)))
        found += len(violations)
        sys.stdout.write(f"{name}: {len(violations)} breaches\n")
        for violation in violations:
            sys.stdout.write(f"  {violation.kind}: {violation.detail}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
