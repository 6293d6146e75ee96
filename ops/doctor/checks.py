"""The checks, and which of them explains which. Numbers are never reused."""

from typing import Final

from ops.doctor.certificate import judge_public_certificate
from ops.doctor.check import Check
from ops.doctor.engines import (
    judge_bus,
    judge_databases,
    judge_migrations,
    judge_prepared_transactions,
)
from ops.doctor.files import judge_file_store
from ops.doctor.flow import (
    judge_canaries,
    judge_in_doubt,
    judge_outbox,
    judge_polling,
    judge_search_index,
)
from ops.doctor.machine import (
    judge_clock,
    judge_descriptors,
    judge_disk,
    judge_secrets,
    judge_versions,
)
from ops.doctor.processes import (
    judge_caches,
    judge_circuits,
    judge_fleet,
    judge_pauses,
    judge_ports,
    judge_processes,
    judge_restarts,
    judge_variables,
)

CHECKS: Final = (
    Check(1, "versions", judge_versions, needs_fleet=False, explains=(2, 3, 4, 19)),
    Check(2, "fleet", judge_fleet, needs_fleet=False),
    Check(3, "ports", judge_ports, needs_fleet=False),
    Check(4, "processes", judge_processes, explains=(3, 12, 13, 14, 15, 18, 20)),
    Check(5, "descriptors", judge_descriptors, needs_fleet=False, explains=(2, 3, 4, 15, 19)),
    Check(
        6, "disk", judge_disk, needs_fleet=False, explains=(3, 4, 8, 10, 12, 13, 15, 18, 19, 20, 22)
    ),
    Check(7, "clock", judge_clock),
    Check(8, "databases", judge_databases, explains=(3, 4, 9, 10, 12, 13, 14, 15, 18, 20)),
    Check(9, "migrations", judge_migrations, explains=(3, 4, 15)),
    Check(10, "prepared transactions", judge_prepared_transactions, explains=(12,)),
    Check(11, "Valkey", judge_bus, explains=(13, 14, 18)),
    Check(12, "in doubt", judge_in_doubt),
    Check(13, "outbox", judge_outbox, explains=(14, 18)),
    Check(14, "canaries", judge_canaries),
    Check(15, "circuits", judge_circuits),
    Check(16, "secrets", judge_secrets, needs_fleet=False, explains=(3, 4, 19)),
    Check(17, "caches", judge_caches),
    Check(18, "live delivery", judge_polling, explains=(14,)),
    Check(19, "restarts", judge_restarts, explains=(4, 8, 11, 17), by_role=True),
    Check(20, "search index", judge_search_index),
    Check(21, "pauses", judge_pauses, explains=(2, 3, 4, 8, 11, 12, 13, 14, 15, 17, 18, 20)),
    Check(22, "file store", judge_file_store, explains=(4,), by_role=True),
    Check(23, "variables", judge_variables, explains=(3, 8, 9, 10, 11, 12, 13, 22)),
    Check(24, "public certificate", judge_public_certificate),
)
