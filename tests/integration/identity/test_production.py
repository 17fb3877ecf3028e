"""What the settings for production make of cookies and headers, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stack import PROJECT

READ = """
import json, django
django.setup()
from django.conf import settings
from django.test import RequestFactory
names = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
         "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE",
         "CSRF_COOKIE_HTTPONLY", "CSRF_COOKIE_DOMAIN", "CSRF_COOKIE_PATH", "SECURE_HSTS_SECONDS", "DEBUG")
print(json.dumps({name: getattr(settings, name) for name in names}))
"""


def run(data_dir: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    given = {"MQ_DATA_DIR": str(data_dir), "MQ_PRODUCTION": "1", "MQ_ALLOWED_HOSTS": "mq.example.com"}
    given |= {"DJANGO_SETTINGS_MODULE": "mqconsole.settings", **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=clean | given, capture_output=True, text=True, check=False
    )


def settings_of(data_dir: Path, **environment: str) -> dict[str, Any]:
    ran = run(data_dir, "-c", READ, **environment)
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_deployment_check_finds_nothing_in_production(tmp_path: Path) -> None:
    ran = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert ran.returncode == 0, ran.stderr
    assert "no issues" in ran.stdout
    found = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", MQ_PRODUCTION="0")
    assert found.returncode != 0, "the check finds nothing wherever it looks"


def test_cookies_in_production_have_host_names_and_every_protection(tmp_path: Path) -> None:
    read = settings_of(tmp_path)
    for kind in ("SESSION", "CSRF"):
        assert read[f"{kind}_COOKIE_NAME"].startswith("__Host-")
        assert read[f"{kind}_COOKIE_SECURE"] is True
        assert read[f"{kind}_COOKIE_HTTPONLY"] is True
        # Without these two a browser refuses the name.
        assert (read[f"{kind}_COOKIE_PATH"], read[f"{kind}_COOKIE_DOMAIN"]) == ("/", None)
    assert read["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert read["SECURE_HSTS_SECONDS"] == 31536000
    assert read["DEBUG"] is False
    assert settings_of(tmp_path, MQ_HSTS_SECONDS="60")["SECURE_HSTS_SECONDS"] == 60
