"""Which loops the tests of this room run on."""

import asyncio

import uvloop


def pytest_asyncio_loop_factories(config, item):
    """Links run on both: uvloop is what we serve on, asyncio what a machine without it has."""
    if item.path.stem == "test_links":
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
