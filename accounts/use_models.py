"""What was made use of, and when last."""

from typing import ClassVar

from django.db import models


class GrantUse(models.Model):
    """When a statement of a policy last allowed an action to a user, or to whoever acted in a role. To the minute."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, null=True, related_name="grant_uses")
    role = models.ForeignKey("accounts.Role", on_delete=models.CASCADE, null=True, related_name="grant_uses")
    policy = models.CharField(max_length=128)
    version = models.PositiveIntegerField()
    statement = models.PositiveIntegerField()
    action = models.CharField(max_length=64)
    used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "role", "policy", "version", "statement", "action"],
                name="grant_use_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.version}/{self.statement} {self.action}"
