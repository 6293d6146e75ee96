"""How the fleet runs its services."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fleet.data.keys import make_key_folder
from fleet.services import MIGRATION_SECONDS, Services
from fleet.settings import SERVICE_ROLES, read_settings


def test_only_services_that_migrate_may_take_long_to_start(tmp_path: Path) -> None:
    """A migration that is killed would begin anew; another service that is silent hangs."""
    settings = read_settings({"HUBBUB_DATA": str(tmp_path)})
    for folder in (settings.run, settings.logs):
        folder.mkdir()
    make_key_folder(settings.keys)
    nothing: Any = SimpleNamespace(urls={}, own={role: {} for role in SERVICE_ROLES})
    services = Services(settings, nothing, (), nothing)
    patient = set()
    for role in SERVICE_ROLES:
        services.want(role, 1)
        if services.program(role, 1).start_seconds == MIGRATION_SECONDS:
            patient.add(role)
    for ports in services._ports.values():
        ports.main.close()
        ports.health.close()
    assert patient == {"users", "chats"}
