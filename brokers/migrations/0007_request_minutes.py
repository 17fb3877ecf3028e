"""What became of requests, minute by minute; the SQL is in `brokers/store/sql/schema`."""

from typing import ClassVar

from django.db import migrations

from brokers.store import queries


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("brokers", "0006_transactions")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(queries.schema("0003_request_minutes"), "DROP TABLE IF EXISTS request_minute"),
    ]
