import asyncio
import threading

import pytest
from django.db import InterfaceError, OperationalError, connection, connections

from routing.threads import DatabaseThreads

pytestmark = pytest.mark.django_db(transaction=True)


async def test_functions_run_elsewhere_and_say_what_they_found():
    threads = DatabaseThreads(2)
    assert await threads.run(threading.get_ident) != threading.get_ident()
    assert await threads.run(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]
    with pytest.raises(ValueError, match="nonsense"):
        await threads.run(int, "nonsense")
    await threads.close()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_a_connection_that_was_lost_is_opened_anew(error):
    threads = DatabaseThreads(1)
    tries = []

    def read():
        tries.append(connection.connection)
        if len(tries) == 1:
            raise error("server closed the connection")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone()

    assert await threads.run(read) == (1,)
    assert len(tries) == 2
    await threads.close()


async def test_a_database_that_stays_away_is_reported_after_one_repetition():
    threads = DatabaseThreads(1)
    tries = []

    def read():
        tries.append(1)
        raise OperationalError("connection refused")

    with pytest.raises(OperationalError, match="refused"):
        await threads.run(read)
    assert len(tries) == 2
    await threads.close()


async def test_the_end_closes_the_connection_of_every_thread():
    threads = DatabaseThreads(3)
    together = threading.Barrier(3)

    def read():
        together.wait(10)
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        return connections["default"]

    opened = await asyncio.gather(*(threads.run(read) for _ in range(3)))
    assert len({id(wrapper) for wrapper in opened}) == 3
    assert all(wrapper.connection is not None for wrapper in opened)
    await threads.close()
    assert all(wrapper.connection is None for wrapper in opened)
