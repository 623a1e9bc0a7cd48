"""The admin's files come from the proxy itself, with DEBUG off and without collectstatic."""

import pytest
from django.test import AsyncClient, Client

CSS = "/static/admin/css/base.css"


async def test_a_file_is_served_to_asgi():
    response = await AsyncClient().get(CSS)
    assert response.status_code == 200
    assert response["content-type"].startswith("text/css")
    assert b"--primary" in response.content


def test_a_file_is_served_to_synchronous_callers_too():
    assert Client().get(CSS).status_code == 200


async def test_a_file_that_is_known_is_not_sent_again():
    first = await AsyncClient().get(CSS)
    again = await AsyncClient().get(CSS, headers={"if-modified-since": first["last-modified"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/static/../manage.py", "/static/admin/nothing.css"])
async def test_nothing_else_is_served(path):
    assert (await AsyncClient().get(path)).status_code == 404
