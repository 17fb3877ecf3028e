"""Gaps in the offsets, which a restored backup makes; the SQL is in `brokers/store/sql/schema`."""

from typing import ClassVar

from django.db import migrations

from brokers.store import queries


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("brokers", "0002_messages")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(queries.schema("0002_offset_gaps"), "DROP TABLE IF EXISTS offset_gap"),
    ]
