"""``manage.py runproxy``: the proxy."""

import sys
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from proxy_site import start
from proxy_site.server import Service, WebServer, twisted_loop

# isort: split
from proxy_site.asgi import application
from proxy_site.celery import app as celery_app
from proxy_site.schedule import Schedule
from proxy_site.wiring import Proxy
from proxy_site.worker import EmbeddedWorker

READY = """
The proxy is ready.
  Admin     {scheme}://{address}:{port}/admin/{login}
  Chargers  {ws}://{address}:{port}/ocpp/<identity>
  Data      {data}
Ctrl-C stops it.
"""

NO_BUS = (
    "--role {role} needs a Bus between processes (routing.bus.RedisBus), which this version does not have; "
    "leave --role out to run everything in one process"
)


class Command(BaseCommand):
    help = "Run the proxy: chargers, backoffices, admin and periodic work in one process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", choices=["all", "web", "links"], default="all")
        parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
        parser.add_argument("--port", type=int, default=9000)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["role"] != "all":
            raise CommandError(NO_BUS.format(role=options["role"]))
        with ExitStack() as held:
            if settings.PROXY_EMBEDDED:
                held.enter_context(self._hold())
            self._prepare()
            problem = self._service(options["host"], options["port"]).run()
        if problem:
            raise CommandError(problem)

    def _hold(self) -> Any:
        try:
            return start.hold(settings.PROXY_DATA_DIR)
        except start.AlreadyRunning as error:
            raise CommandError(str(error)) from error

    def _prepare(self) -> None:
        applied = start.migrate()
        if applied:
            self.stdout.write(f"The database is new or was updated ({applied} migrations).")
        self._password = start.create_admin()
        connection.close()  # the loop's thread must not keep one: whoever needs the database has a thread

    def _service(self, host: str, port: int) -> Service:
        def listening(_: str, port: int) -> None:
            self._announce(host, port)

        concurrency = celery_app.conf.worker_concurrency
        return Service(
            WebServer(application, host, port, listening),
            Proxy(twisted_loop),
            EmbeddedWorker(celery_app, concurrency),
            Schedule(celery_app, celery_app.conf.beat_schedule),
        )

    def _announce(self, host: str, port: int) -> None:
        login = ""
        if self._password:
            shown = "of PROXY_ADMIN_PASSWORD" if settings.PROXY_ADMIN_PASSWORD else self._password
            login = f"   user admin, password {shown}"
            login += "" if settings.PROXY_ADMIN_PASSWORD else " (shown this once)"
        secure = settings.PROXY_REQUIRE_TLS
        self.stdout.write(
            READY.format(
                scheme="https" if secure else "http",
                ws="wss" if secure else "ws",
                address=start.address_for_people(host),
                port=port,
                login=login,
                data=settings.PROXY_DATA_DIR if settings.PROXY_EMBEDDED else "in PostgreSQL",
            )
        )
        sys.stdout.flush()
