"""One id joins the answer of a request, what it has done, and its lines of the log."""

import logging
import re

import pytest
from django.test import AsyncClient

from accounts.acting import current
from accounts.deeds import Deed
from chargers.models import Charger
from proxy_site.logs import Joined

pytestmark = pytest.mark.django_db

ADD = "/admin/chargers/charger/add/"
NEW = {"identity": "CP-1", "options": "{}", "enabled": "on"} | {
    f"routes-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")
}


@pytest.fixture
def lines(settings):
    """The log as the console has it."""
    said = []

    class Console(logging.Handler):
        def emit(self, record):
            said.append(self.format(record))

    console = Console()
    console.addFilter(Joined())
    console.setFormatter(logging.Formatter(settings.LOGGING["formatters"]["text"]["format"]))
    logging.getLogger().addHandler(console)
    yield said
    logging.getLogger().removeHandler(console)


@pytest.fixture
def talkative(monkeypatch):
    """Saving a charger writes a line."""
    save = Charger.save

    def saying(charger, *args, **kwargs):
        logging.getLogger("tests").warning("saves %s", charger)
        save(charger, *args, **kwargs)

    monkeypatch.setattr(Charger, "save", saying)


def test_the_id_stands_in_answer_entry_and_log(admin_client, admin_user, lines, talkative):
    response = admin_client.post(ADD, NEW, headers={"X-Request-ID": "req-7"}, REMOTE_ADDR="10.0.0.1")
    assert response.status_code == 302
    assert response.headers["X-Request-ID"] == "req-7"
    (deed,) = Deed.objects.filter(via="admin")
    assert (deed.correlation_id, deed.address, deed.actor) == ("req-7", "10.0.0.1", admin_user)
    assert next(line for line in lines if "saves" in line).endswith("WARNING tests: [req-7] saves CP-1")
    assert current().correlation_id == ""


@pytest.mark.parametrize("given", [None, "bad id", "x" * 100])
def test_without_a_sane_id_one_is_made(admin_client, given):
    response = admin_client.post(ADD, NEW, headers={"X-Request-ID": given} if given else {})
    made = response.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert Deed.objects.get(via="admin").correlation_id == made


def test_without_a_request_a_line_of_the_log_is_as_it_was(lines):
    logging.getLogger("tests").warning("nobody asked")
    assert lines[-1].endswith("WARNING tests: nobody asked")


def test_a_path_of_the_api_says_so(client, django_user_model):
    response = client.get("/api/v1/chargers/")
    assert response.status_code == 401
    assert response.headers["X-Request-ID"]


@pytest.mark.django_db(transaction=True)
async def test_it_is_so_under_asgi(admin_user):
    client = AsyncClient()
    await client.aforce_login(admin_user)
    response = await client.post(ADD, NEW, headers={"X-Request-ID": "req-8"})
    assert (response.status_code, response.headers["X-Request-ID"]) == (302, "req-8")
    deed = await Deed.objects.aget(via="admin")
    assert (deed.correlation_id, deed.actor_id) == ("req-8", admin_user.pk)
