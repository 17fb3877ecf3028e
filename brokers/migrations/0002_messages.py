"""The tables of messages; the SQL is in `brokers/store/sql/schema`."""

from typing import ClassVar

from django.db import migrations

from brokers.store import queries


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("brokers", "0001_initial")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(
            queries.schema("0001_messages"),
            reverse_sql="""
                DROP TABLE IF EXISTS message, segment_range, dedup, pending, cursor, attempt, dead_letter,
                    redrive_entry, subscription CASCADE;
                DROP FUNCTION IF EXISTS mq_segment(timestamptz);
            """,
        ),
        migrations.RunSQL("ALTER TABLE brokers_queue SET (fillfactor = 50)", migrations.RunSQL.noop),
        migrations.RunSQL("INSERT INTO brokers_catalogversion (number) VALUES (1)", migrations.RunSQL.noop),
    ]
