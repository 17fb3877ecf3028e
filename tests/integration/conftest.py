"""What the tests with real stores share."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration import three_people
from tests.integration.three_people import People


@pytest.fixture
def people(database: None, settings: Any, tmp_path: Path) -> People:
    """An owner with an instance `shop`, a member of the same account, a stranger; committed."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # Argon2 is slow on purpose
    settings.STATIC_ROOT = tmp_path  # there need be none; the console's files are not what is tested
    return three_people.make()
