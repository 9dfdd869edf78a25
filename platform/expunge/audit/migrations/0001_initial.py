"""The log's tables, the one function that appends to them, and the triggers that guard them."""

import uuid

from django.db import migrations, models

TABLES = """
CREATE TABLE audit_leaf (
    seq bigint PRIMARY KEY CHECK (seq >= 0),
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    data bytea NOT NULL,
    action varchar(60) NOT NULL,
    occurred_at timestamptz NOT NULL,
    controller_id uuid,
    actor varchar(80) NOT NULL,
    role varchar(40) NOT NULL,
    ticket varchar(80) NOT NULL
);
CREATE INDEX audit_leaf_controller ON audit_leaf (controller_id, seq DESC);
CREATE INDEX audit_leaf_ticket ON audit_leaf (ticket, seq) WHERE ticket <> '';
CREATE INDEX audit_leaf_action ON audit_leaf (action, seq);
CREATE TABLE audit_node (
    level smallint NOT NULL CHECK (level > 0),
    index bigint NOT NULL CHECK (index >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, index)
);
CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size >= 0),
    note text NOT NULL,
    token bytea NOT NULL,
    signed_at timestamptz NOT NULL
);
"""
DROP_TABLES = "DROP TABLE audit_leaf, audit_node, audit_checkpoint;"

# The lock makes appends queue up, so that max(seq) + 1 is gapless under READ COMMITTED: an
# append that waited sees, in its next statement, what the one before it committed.
APPEND = """
CREATE FUNCTION audit_append(
    entry bytea, entry_action text, entry_occurred_at timestamptz, entry_controller uuid,
    entry_actor text, entry_role text, entry_ticket text
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
    INSERT INTO audit_leaf VALUES (
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
        INSERT INTO audit_node VALUES (depth, here, value);
    END LOOP;
    RETURN position;
END $$;
REVOKE ALL ON FUNCTION audit_append(bytea, text, timestamptz, uuid, text, text, text) FROM PUBLIC;
"""
DROP_APPEND = "DROP FUNCTION audit_append(bytea, text, timestamptz, uuid, text, text, text);"

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
    initial = True
    dependencies = []

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(APPEND, DROP_APPEND),
        migrations.RunSQL(GUARD, DROP_GUARD),
        *(
            migrations.RunSQL(
                guard(table),
                f"DROP TRIGGER {table}_rows ON {table}; DROP TRIGGER {table}_whole ON {table};",
            )
            for table in ("audit_leaf", "audit_node", "audit_checkpoint")
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("leaf_hash", models.BinaryField(max_length=32)),
                ("data", models.BinaryField()),
                ("action", models.CharField(max_length=60)),
                ("occurred_at", models.DateTimeField()),
                ("controller_id", models.UUIDField(null=True)),
                ("actor", models.CharField(max_length=80)),
                ("role", models.CharField(max_length=40)),
                ("ticket", models.CharField(max_length=80)),
            ],
            options={"db_table": "audit_leaf", "ordering": ["seq"], "managed": False},
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level",
                        "index",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("index", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={"db_table": "audit_node", "managed": False},
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("note", models.TextField()),
                ("token", models.BinaryField()),
                ("signed_at", models.DateTimeField()),
            ],
            options={"db_table": "audit_checkpoint", "ordering": ["size"], "managed": False},
        ),
        migrations.CreateModel(
            name="KnownKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("purpose", models.CharField(max_length=40)),
                ("key_id", models.CharField(max_length=71)),
                ("introduced_seq", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("purpose", "key_id"), name="key_introduced_once"
                    )
                ]
            },
        ),
    ]
