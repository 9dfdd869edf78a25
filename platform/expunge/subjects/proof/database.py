"""Looking through every table and column of the database, whatever app made them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from expunge.subjects.proof.findings import Findings, Place
from expunge.subjects.proof.needles import Needles
from expunge.subjects.proof.sealed import NotOursError, ShreddedError, looks_sealed, unseal

BATCH = 500
KEYS = frozenset({"tickets_ticketkey", "subjects_intakekey"})
"""Tables of random keys, wrapped: they hold nothing that was said."""
LABELS = ("registry_scopenode", "label")
TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
ORDER BY table_schema, table_name
"""
BYTES = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s AND data_type = 'bytea'
"""


def look_in_database(needles: Needles, findings: Findings) -> None:
    """Look at every row of every table; large objects are only counted."""
    for schema, table in _rows(TABLES):
        binary = {column for (column,) in _rows(BYTES, [schema, table])}
        for row in _content(schema, table):
            findings.looked_at["rows"] += 1
            _look_at(table, row, binary, needles, findings)
    (objects,) = next(iter(_rows("SELECT count(*) FROM pg_largeobject_metadata")))
    if objects:
        findings.unread.append(f"{objects} large objects of PostgreSQL, which we never make")


def _look_at(
    table: str, row: Mapping[str, Any], binary: set[str], needles: Needles, findings: Findings
) -> None:
    name = row.get("id") or row.get("session_key") or "without an id"
    for column, value in row.items():
        if value is None:
            continue
        where = f"table {table}, column {column}, row {name}"
        if column in binary:
            data = bytes.fromhex(value.removeprefix("\\x"))
            _look_at_bytes(table, column, row, data, where, needles, findings)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            findings.note(where, needles.in_text(text))


def _look_at_bytes(  # noqa: PLR0913, PLR0917 - a cell, where it is, and what is looked for
    table: str,
    column: str,
    row: Mapping[str, Any],
    data: bytes,
    where: str,
    needles: Needles,
    findings: Findings,
) -> None:
    findings.note(where, needles.in_bytes(data))
    if not looks_sealed(data) or table in KEYS:
        return
    place = f"{table}.{column}"
    try:
        plain = unseal(table, column, row, data)
    except ShreddedError:
        findings.count_sealed(place, "shredded")
        return
    except NotOursError:
        findings.count_sealed(place, "not ours")
        return
    findings.count_sealed(place, "readable")
    found = needles.in_bytes(plain)
    if found and (table, column) == LABELS:
        findings.registered.append(Place(f"{where} (encrypted, readable)", found))
    else:
        findings.note(f"{where} (encrypted, readable)", found)


def _content(schema: str, table: str) -> Iterator[Mapping[str, Any]]:
    # The star keeps a column that bears the alias's name from being taken for the row.
    query = sql.SQL("SELECT to_jsonb(whole.*) FROM {} whole").format(sql.Identifier(schema, table))
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            for (row,) in rows:
                yield json.loads(row) if isinstance(row, str) else row


def _rows(query: str, given: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return list(cursor.fetchall())
