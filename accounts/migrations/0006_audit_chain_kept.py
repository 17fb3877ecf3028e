"""Chains the entries there are, then lets the database chain each new one when its transaction ends."""

from typing import Any, ClassVar

from django.db import migrations

_BATCH = 2000

# The deferred trigger runs at COMMIT: the lock on the account's head is held for the end of a transaction alone.
_FUNCTIONS = """
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
    link text;
BEGIN
    INSERT INTO accounts_audithead (account_id, sequence, hash, pruned_sequence, pruned_hash)
    VALUES (NEW.account_id, 0, repeat('0', 64), 0, repeat('0', 64)) ON CONFLICT (account_id) DO NOTHING;
    SELECT sequence, hash INTO last FROM accounts_audithead WHERE account_id = NEW.account_id FOR UPDATE;
    link := encode(sha256(convert_to(format(
        '{"account":%s,"at":%s,"content":"%s","previous":"%s","sequence":%s}',
        NEW.account_id, (extract(epoch FROM NEW.at) * 1000000)::bigint, NEW.digest, last.hash, last.sequence + 1
    ), 'UTF8')), 'hex');
    UPDATE accounts_audithead SET sequence = last.sequence + 1, hash = link WHERE account_id = NEW.account_id;
    PERFORM set_config('mq.audit', 'chain', true);
    UPDATE accounts_auditentry SET sequence = last.sequence + 1, hash = link WHERE id = NEW.id;
    PERFORM set_config('mq.audit', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('mq.audit', true) = 'chain' THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND current_setting('mq.audit', true) = 'prune' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit is only added to';
END $$;

CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON accounts_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_chain();
CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_guard();
"""


def chain(apps: Any, schema_editor: Any) -> None:  # Any: Django's own
    """Gives every entry of each account its digest, number and hash, oldest first."""
    from accounts import audit

    entries = apps.get_model("accounts", "AuditEntry").objects
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_auditentry IN SHARE ROW EXCLUSIVE MODE")
    for account_id in list(entries.order_by().values_list("account_id", flat=True).distinct()):
        sequence, last, rest = 0, audit.GENESIS, 0
        while batch := list(entries.filter(account_id=account_id, pk__gt=rest).order_by("pk")[:_BATCH]):
            for entry in batch:
                sequence += 1
                entry.sequence, entry.digest = sequence, audit.digest(entry)
                entry.hash = last = audit.link(entry, last)
            entries.bulk_update(batch, ["sequence", "digest", "hash"])
            rest = batch[-1].pk
        apps.get_model("accounts", "AuditHead").objects.create(
            account_id=account_id, sequence=sequence, hash=last, pruned_hash=audit.GENESIS
        )
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0005_audit_chain")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.RunSQL(
            _FUNCTIONS,
            "DROP TRIGGER audit_chain ON accounts_auditentry; DROP TRIGGER audit_guard ON accounts_auditentry;"
            "DROP FUNCTION audit_chain(); DROP FUNCTION audit_guard();",
        ),
    ]
