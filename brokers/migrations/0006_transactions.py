"""Producer groups, and the tables of half messages, whose SQL is in `brokers/store/sql/schema`."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from brokers.store import queries


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0005_quotas'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProducerGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('immunity_seconds', models.PositiveIntegerField(null=True)),
                ('interval_seconds', models.PositiveIntegerField(null=True)),
                ('max_checks', models.PositiveIntegerField(null=True)),
                ('webhook_url', models.CharField(blank=True, db_default='', default='', max_length=500)),
                ('webhook_nonce', models.BinaryField(db_default=b'', default=b'')),
                ('webhook_secret', models.BinaryField(db_default=b'', default=b'')),
                ('check_count', models.BigIntegerField(db_default=0, default=0)),
                ('discard_count', models.BigIntegerField(db_default=0, default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='producer_groups', to='brokers.instance')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('instance', 'name'), name='producer_group_name_unique_in_instance')],
            },
        ),
        migrations.RunSQL(queries.schema("0003_transactions"), "DROP TABLE IF EXISTS half_check, half"),
    ]
