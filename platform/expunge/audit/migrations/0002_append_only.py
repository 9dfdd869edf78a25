"""The one function that appends to the log, and the triggers that guard its tables.

The application's role needs EXECUTE on the function and SELECT on the tables, nothing more.
"""

from django.db import migrations

TABLES = ("audit_leaf", "audit_node", "audit_checkpoint")

# The lock makes appends queue up, so that max(seq) + 1 is gapless under READ COMMITTED: an
# append that waited sees, in its next statement, what the one before it committed.
APPEND = """
CREATE FUNCTION audit_append(
    entry bytea, entry_action text, entry_occurred_at timestamptz, entry_controller uuid,
    entry_actor text, entry_role text, entry_ticket uuid
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    position bigint;
    here bigint;
    depth smallint := 0;
    value bytea := sha256('\\x00'::bytea || entry);
    neighbour bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('expunge.audit', 0));
    SELECT coalesce(max(seq) + 1, 0) INTO position FROM audit_leaf;
    INSERT INTO audit_leaf (
        seq, leaf_hash, data, action, occurred_at, controller_id, actor, role, ticket_id
    ) VALUES (
        position, value, entry, entry_action, entry_occurred_at, entry_controller,
        entry_actor, entry_role, entry_ticket
    );
    here := position;
    WHILE here % 2 = 1 LOOP
        IF depth = 0 THEN
            SELECT leaf_hash INTO STRICT neighbour FROM audit_leaf WHERE seq = here - 1;
        ELSE
            SELECT hash INTO STRICT neighbour
            FROM audit_node WHERE level = depth AND index = here - 1;
        END IF;
        value := sha256('\\x01'::bytea || neighbour || value);
        here := here / 2;
        depth := depth + 1;
        INSERT INTO audit_node (level, index, hash) VALUES (depth, here, value);
    END LOOP;
    RETURN position;
END $$;
REVOKE ALL ON FUNCTION audit_append(bytea, text, timestamptz, uuid, text, text, uuid) FROM PUBLIC;
"""
DROP_APPEND = "DROP FUNCTION audit_append(bytea, text, timestamptz, uuid, text, text, uuid);"

GUARD = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
DROP_GUARD = "DROP FUNCTION audit_refuse();"


def guard(table: str) -> str:
    """Return the SQL that makes a table append-only, whatever the session's replication role."""
    return f"""
    CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION audit_refuse();
    CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
    ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_rows;
    ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_whole;
    """


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(APPEND, DROP_APPEND),
        migrations.RunSQL(GUARD, DROP_GUARD),
        *(
            migrations.RunSQL(
                guard(table),
                f"DROP TRIGGER {table}_rows ON {table}; DROP TRIGGER {table}_whole ON {table};",
            )
            for table in TABLES
        ),
    ]
