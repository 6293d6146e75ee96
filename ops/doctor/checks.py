"""The checks in their order: what others need comes first. Numbers are kept for ever."""

from typing import Final

from ops.doctor.check import Check
from ops.doctor.engines import (
    judge_bus,
    judge_databases,
    judge_migrations,
    judge_prepared_transactions,
)
from ops.doctor.flow import judge_canaries, judge_in_doubt, judge_outbox
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
    judge_ports,
    judge_processes,
)

CHECKS: Final = (
    Check(1, "versions", judge_versions, needs_fleet=False),
    Check(2, "fleet", judge_fleet, needs_fleet=False),
    Check(3, "ports", judge_ports, needs_fleet=False),
    Check(4, "processes", judge_processes),
    Check(5, "descriptors", judge_descriptors, needs_fleet=False),
    Check(6, "disk", judge_disk, needs_fleet=False),
    Check(7, "clock", judge_clock),
    Check(8, "databases", judge_databases),
    Check(9, "migrations", judge_migrations),
    Check(10, "prepared transactions", judge_prepared_transactions),
    Check(11, "Valkey", judge_bus),
    Check(12, "in doubt", judge_in_doubt),
    Check(13, "outbox", judge_outbox),
    Check(14, "canaries", judge_canaries),
    Check(15, "circuits", judge_circuits),
    Check(16, "secrets", judge_secrets, needs_fleet=False),
    Check(17, "caches", judge_caches),
)
