"""Names of instances are unique within their account, no longer among all accounts."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("brokers", "0003_offset_gaps")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.AddConstraint(
            model_name="instance",
            constraint=models.UniqueConstraint(fields=["account", "name"], name="instance_name_unique_in_account"),
        ),
        migrations.AlterField(
            model_name="instance",
            name="name",
            field=models.CharField(max_length=64),
        ),
    ]
