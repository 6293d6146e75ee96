"""The configuration that Alertmanager's container writes for itself."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.settings import PROJECT_FOLDER

SCRIPT = PROJECT_FOLDER / "deploy" / "prometheus" / "alertmanager.sh"
MAIL = {
    "HUBBUB_ALERT_MAIL_TO": "it's@example.org",
    "HUBBUB_ALERT_MAIL_FROM": "hubbub@example.org",
    "HUBBUB_ALERT_SMTP": "mail.example.org:587",
}


def configure(folder: Path, **variables: str) -> Any:
    """The configuration with which Alertmanager is started. Raises AssertionError with the
    container's message otherwise."""
    program = folder / "alertmanager"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = folder / "alertmanager.yml"
    done = subprocess.run(
        ["sh", SCRIPT], capture_output=True, text=True, check=False,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "HUBBUB_ALERT_FILE": str(file), **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o077 == 0
    return yaml.safe_load(file.read_text())


def test_mail_and_webhook_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    """Both or one of them; the password stays in its own file."""
    both = configure(
        tmp_path, **MAIL, HUBBUB_ALERT_SMTP_USER="hubbub", HUBBUB_ALERT_WEBHOOK="https://a/b?c=d&e"
    )
    (receiver,) = both["receivers"]
    assert receiver["webhook_configs"] == [{"url": "https://a/b?c=d&e", "send_resolved": True}]
    (mail,) = receiver["email_configs"]
    assert (mail["to"], mail["smarthost"]) == ("it's@example.org", "mail.example.org:587")
    assert mail["require_tls"] is True
    assert mail["auth_password_file"] == "/run/secrets/smtp.password"
    (receiver,) = configure(tmp_path, HUBBUB_ALERT_WEBHOOK="https://a/b")["receivers"]
    assert "email_configs" not in receiver
    (receiver,) = configure(tmp_path, **MAIL)["receivers"]
    assert "webhook_configs" not in receiver
    assert "auth_username" not in receiver["email_configs"][0]


def test_half_of_what_a_mail_needs_is_refused_by_name(tmp_path: Path) -> None:
    """Before Alertmanager is started."""
    with pytest.raises(AssertionError, match="HUBBUB_ALERT_SMTP is not set"):
        configure(tmp_path, **{**MAIL, "HUBBUB_ALERT_SMTP": ""})


def test_alerts_that_nobody_would_get_are_refused(tmp_path: Path) -> None:
    """As with a misspelled variable: they would go nowhere, and nothing would be wrong."""
    with pytest.raises(AssertionError, match="HUBBUB_ALERT_MAIL_TO or HUBBUB_ALERT_WEBHOOK"):
        configure(tmp_path, HUBBUB_ALERT_MAIL="admin@example.org")


def test_prometheus_on_one_machine_sends_alerts_where_the_documented_command_listens() -> None:
    """Otherwise nobody would hear of them."""
    local = yaml.safe_load(SCRIPT.with_name("local.yml").read_text())
    (manager,) = local["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["127.0.0.1:9093"]}]
    documented = (PROJECT_FOLDER / "docs" / "operations.md").read_text()
    assert "alertmanager.sh --web.listen-address=127.0.0.1:9093 " in documented
