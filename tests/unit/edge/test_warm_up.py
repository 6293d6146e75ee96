"""What the fleet loads before it forks an edge."""

import subprocess
import sys

from fleet.settings import PROJECT_FOLDER

# Prints the modules that an application created after the warm-up loads.
PROGRAM = """
import sys
from edge.admission import Admission
from edge.app import create_app, warm_up
from edge.http.endpoint import create_endpoints
from edge.routes.messages import MessageRoutes

warm_up()
before = set(sys.modules)
create_app(create_endpoints(MessageRoutes(None, None, None), None, None), Admission(None, None))
print(*(set(sys.modules) - before))
"""


def test_an_application_loads_nothing_after_the_warm_up() -> None:
    """Otherwise each edge would have its own copy of the modules that Litestar loads late."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT_FOLDER, capture_output=True, check=True
    )
    assert done.stdout.split() == []
