"""The one function that writes leaves, and triggers that refuse every other change.

``audit_append`` takes a lock that is held to the end of the transaction, so numbers have no
gap: a transaction that rolls back gives its number back. It runs with its owner's rights; the
application's role needs EXECUTE on it and SELECT on the tables, nothing more.
"""

from django.db import migrations

APPEND = """
CREATE FUNCTION audit_append(
    p_data bytea, p_action text, p_at timestamptz, p_controller uuid, p_ticket uuid
) RETURNS TABLE (seq bigint, hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_seq bigint;
    v_hash bytea := sha256('\\x00'::bytea || p_data);
    v_level smallint := 0;
    v_index bigint;
    v_node bytea := v_hash;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('expunge.audit_log'));
    SELECT coalesce(max(leaf.seq) + 1, 0) INTO v_seq FROM audit_leaf AS leaf;
    INSERT INTO audit_leaf (seq, hash, data, action, at, controller_id, ticket_id)
        VALUES (v_seq, v_hash, p_data, p_action, p_at, p_controller, p_ticket);
    v_index := v_seq;
    INSERT INTO audit_node (level, index, hash) VALUES (v_level, v_index, v_node);
    WHILE v_index % 2 = 1 LOOP
        SELECT sha256('\\x01'::bytea || node.hash || v_node) INTO v_node
            FROM audit_node AS node WHERE node.level = v_level AND node.index = v_index - 1;
        v_level := v_level + 1;
        v_index := v_index / 2;
        INSERT INTO audit_node (level, index, hash) VALUES (v_level, v_index, v_node);
    END LOOP;
    RETURN QUERY SELECT v_seq, v_hash;
END $$;
"""

REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

TABLES = ("audit_leaf", "audit_node", "audit_checkpoint")


def guard(table: str) -> str:
    """Return the statements that make a table append-only, also for replication roles."""
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
        migrations.RunSQL(APPEND, "DROP FUNCTION audit_append(bytea, text, timestamptz, uuid, uuid)"),
        migrations.RunSQL(REFUSE, "DROP FUNCTION audit_refuse() CASCADE"),
        *(migrations.RunSQL(guard(table), migrations.RunSQL.noop) for table in TABLES),
    ]
