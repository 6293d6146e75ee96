"""What to type if Hubbub's dependencies are missing. Imports nothing that may be missing."""

import sys
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1]
VENV_PYTHON: Final = Path(".venv/bin/python")


def advise(error: ImportError, program: str, target: str) -> str:
    """Another Python, or an environment older than the code. Raises `error` if neither is the
    cause."""
    name = error.name or ""
    if (PROJECT / name.partition(".")[0] / "__init__.py").exists():
        raise error
    own = PROJECT / VENV_PYTHON
    if own.exists() and Path(sys.executable).parent != own.parent:
        words = " ".join([str(VENV_PYTHON), "-m", program, *sys.argv[1:]])
        return f"{sys.executable} is not the Python that Hubbub is installed into. Type: {words}"
    return f"The package {name} is missing or too old. Type: rm -f .venv/*.stamp && make {target}"
