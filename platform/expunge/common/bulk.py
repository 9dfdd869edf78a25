"""Storing many rows at once through PostgreSQL's COPY, several times faster than INSERT."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, models
from psycopg import sql


def copy_rows(kind: type[models.Model], rows: Iterable[models.Model]) -> None:
    """Store new rows of one model, in the caller's transaction.

    Primary keys that the database counts are left to it and are not set on the rows; no signal
    is sent and ``save`` is not called, as with ``bulk_create``.
    """
    meta = kind._meta  # noqa: SLF001 - Django's public model API
    fields = [field for field in meta.concrete_fields if not field.db_returning]
    columns = [sql.Identifier(str(field.column)) for field in fields]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(meta.db_table), sql.SQL(", ").join(columns)
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(
                [
                    field.get_db_prep_save(field.pre_save(row, add=True), connection)
                    for field in fields
                ]
            )
