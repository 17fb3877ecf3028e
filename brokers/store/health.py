"""Whether PostgreSQL takes writes and has the tables this code expects.

Owns: the probe. Must not know: who asks. Called by: engine.health.
"""

from functools import cache

from django.db.migrations.loader import MigrationLoader

from . import queries, session

_SQL = queries.load("health")


def probe() -> None:
    """Commits an empty transaction. Raises TryLater STORE_UNAVAILABLE when that does not work."""
    with session.cursor() as cur:
        cur.execute(_SQL["probe"])


def missing_migrations() -> list[str]:
    """Returns the migrations this code has and the database has not, in order."""
    with session.cursor() as cur:
        cur.execute(_SQL["applied"])
        applied = {row[0] for row in cur}
    return [name for name in _known() if name not in applied]


@cache
def _known() -> tuple[str, ...]:
    loader = MigrationLoader(None)  # without a connection it reads the files only
    return tuple(sorted(f"{app}.{name}" for app, name in loader.disk_migrations))
