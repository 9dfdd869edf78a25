"""The database itself refuses a move that the table of states does not have.

The table is written out here as it stands: a database keeps the table it was migrated to. When
the table of :mod:`expunge.tickets.states` changes, a test asks for a new migration like this.
"""

from django.db import migrations

MOVES = """
received          identity_pending under_review rejected withdrawn
identity_pending  under_review rejected withdrawn expired
under_review      awaiting_approval rejected withdrawn on_hold
awaiting_approval approved under_review rejected withdrawn on_hold
approved          in_progress closed withdrawn on_hold
in_progress       verified verification_failed withdrawn on_hold
verified          certified
verification_failed in_progress contained closed on_hold
contained         in_progress closed
certified         closed
on_hold           under_review awaiting_approval approved in_progress verification_failed
closed            in_progress
"""


def pairs() -> list[str]:
    """Return every move as ``source>target``."""
    rows = [line.split() for line in MOVES.strip().splitlines()]
    return [f"{source}>{target}" for source, *targets in rows for target in targets]


FUNCTION = f"""
CREATE FUNCTION ticket_move_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state || '>' || NEW.state) = ANY ('{{{",".join(pairs())}}}'::text[])
        OR (OLD.state = 'on_hold' AND NEW.state <> OLD.held_from)
        OR (OLD.state = 'closed' AND OLD.outcome <> 'certified')
    THEN
        RAISE EXCEPTION 'a ticket cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_moves_as_the_table_says';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ticket_moves BEFORE UPDATE OF state ON tickets_ticket
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION ticket_move_check();
"""
UNDO = """
DROP TRIGGER ticket_moves ON tickets_ticket;
DROP FUNCTION ticket_move_check();
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_holds_and_exemptions")]
    operations = [migrations.RunSQL(FUNCTION, UNDO)]
