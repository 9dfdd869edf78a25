"""Entries wait beside the log and are appended when their transaction commits.

Appends queue up behind each other, each until the end of its transaction. Appended where it is
written, an entry would hold up every other transaction for the rest of its own; appended at the
commit, only for the commit itself. A row of ``audit_pending`` never outlives its transaction, so
the table is unlogged.

The application's role needs INSERT on ``audit_pending`` beside what it has.
"""

from django.db import migrations

PENDING = """
CREATE UNLOGGED TABLE audit_pending (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry bytea NOT NULL,
    action text NOT NULL,
    occurred_at timestamptz NOT NULL,
    controller uuid,
    actor text NOT NULL,
    role text NOT NULL,
    ticket uuid
);
CREATE FUNCTION audit_append_pending() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM audit_append(
        NEW.entry, NEW.action, NEW.occurred_at, NEW.controller, NEW.actor, NEW.role, NEW.ticket
    );
    DELETE FROM audit_pending WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_pending_appended AFTER INSERT ON audit_pending
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_append_pending();
ALTER TABLE audit_pending ENABLE ALWAYS TRIGGER audit_pending_appended;
"""
DROP = "DROP TABLE audit_pending; DROP FUNCTION audit_append_pending();"


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_checks")]

    operations = [migrations.RunSQL(PENDING, DROP)]
