"""How RocketMQ's clients consume with a group when they leave that to the server."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("brokers", "0007_request_minutes")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.AddField(
            model_name="group",
            name="remoting_mode",
            field=models.CharField(
                choices=[("PULL", "Pull"), ("POP", "Pop")], db_default="PULL", default="PULL", max_length=4
            ),
        ),
    ]
