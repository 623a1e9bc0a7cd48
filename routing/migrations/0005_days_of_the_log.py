"""On PostgreSQL the audit log becomes a partitioned table: a day each, by ``exchange`` (microseconds).

Days go by being dropped (``routing.partitions``). What belongs to no day that there is goes into the default
partition. ``id`` loses its index: nobody looks for a message by it.
"""

from django.db import migrations

DAY = 86_400_000_000
AHEAD = 3

CREATE = """
CREATE TABLE routing_message_days (LIKE routing_message INCLUDING DEFAULTS INCLUDING STORAGE)
    PARTITION BY RANGE (exchange);
CREATE TABLE routing_message_default PARTITION OF routing_message_days DEFAULT;
"""

DAY_OF = """
CREATE TABLE routing_message_d{name} PARTITION OF routing_message_days FOR VALUES FROM ({start}) TO ({end})
"""

FILL = """
INSERT INTO routing_message_days SELECT * FROM routing_message;
DROP TABLE routing_message;
ALTER TABLE routing_message_days RENAME TO routing_message;
CREATE SEQUENCE routing_message_id_seq OWNED BY routing_message.id;
SELECT setval('routing_message_id_seq', greatest(1, (SELECT max(id) FROM routing_message)));
ALTER TABLE routing_message ALTER COLUMN id SET DEFAULT nextval('routing_message_id_seq');
CREATE INDEX message_of_charger ON routing_message (charger_id, exchange);
CREATE INDEX message_exchange ON routing_message (exchange);
CREATE INDEX message_message_id ON routing_message (message_id);
CREATE INDEX message_not_well ON routing_message (exchange, at)
    WHERE outcome NOT IN ('answered', 'sent', 'withheld');
CREATE INDEX message_card ON routing_message (id_tag, exchange) WHERE id_tag <> '';
"""

DAYS_THERE = f"""
WITH today AS (SELECT extract(epoch FROM now())::bigint / 86400 AS day)
SELECT day, to_char(to_timestamp(day::float8 * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD') FROM (
    SELECT DISTINCT exchange / {DAY} AS day FROM routing_message
    UNION SELECT generate_series(0, {AHEAD}) + day FROM today
) AS days WHERE day BETWEEN (SELECT day - 400 FROM today) AND (SELECT day + {AHEAD} FROM today)
ORDER BY day
"""


def partition(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(DAYS_THERE)
        days = cursor.fetchall()
        cursor.execute(CREATE)
        for day, name in days:
            cursor.execute(DAY_OF.format(name=name, start=day * DAY, end=(day + 1) * DAY))
        cursor.execute(FILL)


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0004_what_the_log_is_searched_by"),
    ]

    operations = [
        migrations.RunPython(partition, migrations.RunPython.noop),
    ]
