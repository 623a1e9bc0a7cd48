"""Millions of rows for the audit log, made by the database itself: what chargers with two backoffices leave.

Of 50 exchanges 30 are meter values of sessions, 9 heartbeats (which the proxy answers alone), 7 statuses, 1 a
start, 1 a stop, 1 an authorisation and 1 a question of a backoffice. A charger charges every other two hours.
Of the copies every 120th goes wrong. Ids of chargers are random, those of the proxy begin with the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps
from django.db import connection, transaction

from routing import partitions
from routing.keeping import DAY

BACKOFFICES = 2
SESSION = 7_200_000_000
"""Every other such piece of the day (in microseconds) is a session of each charger."""

ROWS_PER_EXCHANGE = (41 * 3 + 9) / 50
OWNED = 20
"""Chargers of the one organisation that there is, from the first on."""

METER = (
    '{"connectorId":1,"transactionId":4711,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":['
    '{"value":"12345.6","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    '{"value":"11.1","measurand":"Power.Active.Import","unit":"kW"},'
    '{"value":"16.0","measurand":"Current.Import","phase":"L1","unit":"A"}]}]}'
)


class Span(NamedTuple):
    """What is filled: exchanges that begin from ``start`` to before ``end`` (microseconds), evenly."""

    start: int
    end: int
    exchanges: int
    chargers: int


def fleet(chargers: int) -> None:
    """Chargers 1, 2, ... with routes to two backoffices; the first OWNED of an organisation with a member."""
    own = apps.get_model("accounts", "Organisation").objects.create(pk=1, name="own")
    user = apps.get_model("accounts", "User")
    user.objects.create(pk=1, username="root", is_superuser=True, is_staff=True)
    member = user.objects.create(pk=2, username="installer", is_staff=True)
    apps.get_model("accounts", "Membership").objects.create(user=member, organisation=own, role="installer")
    office, charger = apps.get_model("backoffices", "Backoffice"), apps.get_model("chargers", "Charger")
    route, session = apps.get_model("routing", "Route"), apps.get_model("routing", "ChargerSession")
    numbers, offices = range(1, chargers + 1), range(1, BACKOFFICES + 1)
    office.objects.bulk_create(office(pk=o, name=f"office {o}", url="ws://127.0.0.1/") for o in offices)
    charger.objects.bulk_create(
        charger(pk=n, identity=f"CP-{n}", organisation=own if n <= OWNED else None) for n in numbers
    )
    session.objects.bulk_create(session(charger_id=n, runtime="ours", epoch=1) for n in numbers)
    route.objects.bulk_create(
        route(pk=n * BACKOFFICES + o, charger_id=n, backoffice_id=o, role="billing" if o == 1 else "control")
        for n in numbers
        for o in offices
    )


def fill(span: Span) -> None:
    """Fill the log and its sessions, the indexes of PostgreSQL afterwards; then statistics are taken."""
    sessions(span)
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            for piece in pieces(span):
                with transaction.atomic():
                    cursor.execute(messages(piece))
            cursor.execute("ANALYZE")
            return
        for day in range(span.start // DAY, span.end // DAY + 1):
            partitions.make_days(day, 0)
        cursor.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'routing_message'")
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for piece in pieces(span):
            cursor.execute(messages(piece))
        for _, definition in indexes:
            cursor.execute(definition.replace(" ON ONLY ", " ON "))
        cursor.execute("VACUUM ANALYZE")


def pieces(span: Span, most: int = 200_000) -> Iterator[Span]:
    """The same in parts of so many exchanges, each a statement."""
    apart = (span.end - span.start) // span.exchanges
    for first in range(0, span.exchanges, most):
        count = min(most, span.exchanges - first)
        start = span.start + first * apart
        yield Span(start, start + count * apart, count, span.chargers)


# Expressions that both databases know under other names


def _hex(number: str, digits: int = 8) -> str:
    if connection.vendor == "postgresql":
        return f"lpad(to_hex({number}), {digits}, '0')"
    return f"printf('%0{digits}x', {number})"


def _uuid(text: str) -> str:
    return f"({text})::uuid" if connection.vendor == "postgresql" else text


def _at(number: str) -> str:
    if connection.vendor == "postgresql":
        return f"to_timestamp(({number}) / 1000000.0)"
    seconds = f"strftime('%Y-%m-%d %H:%M:%S', ({number}) / 1000000, 'unixepoch')"
    return f"{seconds} || printf('.%06d', ({number}) % 1000000)"


def _series(name: str, count: int) -> str:
    """A table of numbers from 0 on, as a WITH clause."""
    if connection.vendor == "postgresql":
        return f"{name}(n) AS (SELECT generate_series(0, {count - 1})::bigint)"
    return f"{name}(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM {name} WHERE n < {count - 1})"


def _session_of(charger: str, number: str) -> str:
    """The id of the session in which this charger is at this time; null between two sessions."""
    slot = f"({number} / {SESSION})"
    key = " || ".join([_hex(charger), _hex(f"{charger} * 31 % 65536"), _hex(slot), _hex(f"{slot} * 7")])
    return f"CASE WHEN ({slot} + {charger}) % 2 = 0 THEN {_uuid(key)} END"


def messages(span: Span) -> str:
    """The statement that adds the rows of a span."""
    apart = (span.end - span.start) // span.exchanges
    scattered = "(x / 100 % 1000000007 * 2654435761 % 4294967296)"
    message_id = (
        f"CASE leg WHEN 0 THEN {_hex(scattered)} || '-' || {_hex('x % 65536', 4)} || '-4000-8000-' || "
        f"{_hex('x % 281474976710656', 12)} ELSE substr({_hex('x / 1000', 12)}, 1, 8) || '-' || "
        f"{_hex('x / 1000 % 65536', 4)} || '-7000-800' || leg || '-' || {_hex(f'{scattered} * 16', 12)} END"
    )
    wrong = f"(leg > 0 AND ({scattered} + leg * 37) % 120 = 7)"
    of_session = "action IN ('MeterValues', 'StartTransaction', 'StopTransaction')"
    return f"""
WITH RECURSIVE {_series("numbers", span.exchanges)}, legs(leg) AS (VALUES (0), (1), (2)),
calls AS (
    SELECT 1 + (n * 7919 + n / {span.chargers}) % {span.chargers} AS charger, {span.start} + n * {apart} AS x,
        n * 7 % 50 AS kind FROM numbers
),
named AS (
    SELECT charger, x, kind, CASE WHEN kind < 30 THEN 'MeterValues' WHEN kind < 39 THEN 'Heartbeat'
        WHEN kind < 46 THEN 'StatusNotification' WHEN kind = 46 THEN 'StartTransaction'
        WHEN kind = 47 THEN 'StopTransaction' WHEN kind = 48 THEN 'Authorize'
        ELSE 'GetConfiguration' END AS action
    FROM calls
)
INSERT INTO routing_message (charger_id, route_id, at, exchange, direction, action, message_id, text, answer,
    outcome, error_code, rule, latency_ms, transaction_id, connector_id, size, id_tag)
SELECT charger, CASE WHEN leg > 0 THEN charger * {BACKOFFICES} + leg END, {_at("x + leg * 900")}, x,
    CASE kind WHEN 49 THEN 'down' ELSE 'up' END, action, {message_id},
    CASE WHEN leg = 0 OR kind IN (46, 47) THEN '[2,"' || {_hex(scattered)} || '","' || action || '",' ||
        CASE WHEN kind < 30 THEN '{METER}' ELSE '{{"connectorId":1,"status":"Available"}}' END || ']'
        ELSE '' END,
    '[3,"' || {_hex(scattered)} || '",{{"currentTime":"2026-01-01T00:00:00Z"}}]',
    CASE WHEN {wrong} THEN CASE x % 3 WHEN 0 THEN 'error' WHEN 1 THEN 'timeout' ELSE 'denied' END
        ELSE 'answered' END,
    CASE WHEN {wrong} AND x % 3 = 0 THEN 'InternalError' ELSE '' END, 'the proxy', 1.25 + leg,
    CASE WHEN {of_session} THEN {_session_of("charger", "x")} END, 1, 420,
    CASE WHEN leg = 0 AND kind IN (46, 48) THEN 'CARD' || (charger * 31 % 20000) ELSE '' END
FROM named CROSS JOIN legs WHERE leg = 0 OR kind NOT BETWEEN 30 AND 38
ORDER BY x, leg
"""


def sessions(span: Span) -> None:
    """The transactions to which the meter values belong."""
    first, slots = span.start // SESSION, (span.end - span.start) // SESSION + 1
    began, number = f"({first} + s.n) * {SESSION}", "(c.n + 1)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"""
WITH RECURSIVE {_series("c", span.chargers)}, {_series("s", slots)}
INSERT INTO routing_transaction (id, charger_id, ocpp_version, connector_id, id_tag, charger_transaction_id,
    started_at, start_payload, last_payload, stopped_at, stop_reason, meter_start, meter_stop, created,
    closed)
SELECT {_session_of(number, began)}, {number}, '1.6', 1, 'CARD', '4711', '', '{{}}', '', '', 'Local', 0, 1,
    {_at(began)}, {_at(f"{began} + {SESSION}")}
FROM c CROSS JOIN s WHERE ({first} + s.n + {number}) % 2 = 0
""")
