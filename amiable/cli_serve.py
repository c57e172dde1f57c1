"""`amiable serve`: the desk, the portal and the hooks, by uvicorn, until interrupted.

In: an address, a number of processes. Out: nothing; it returns when the last request has been answered.
"""

import os
import signal
import socket
import sys
import tempfile
from functools import cache
from typing import Annotated, Any

import typer

from amiable.cli import _start
from amiable.core.errors import UnableTo

PATIENCE = 10  # seconds for requests under way, when the server is to end


class UnableToServe(UnableTo):
    """The address cannot be used."""


@cache
def join(app: typer.Typer) -> None:
    """Adds the command to the command line, once."""
    app.command("serve")(_command)


def _command(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes; one a core at most.")] = 1,
) -> None:
    """Serve the desk and the portal."""
    _start()
    from amiable.core.models import User

    if not User.objects.exists():
        print("Nobody can log in yet: `amiable user NAME --admin` makes the first account.", file=sys.stderr)
    serve(host=host, port=port, workers=workers)


def serve(*, host: str, port: int, workers: int = 1) -> None:
    """Serves until the process is asked to end. Raises UnableToServe where the port is taken."""
    import uvicorn
    from django.conf import settings
    from django.db import connections
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        "amiable.web.asgi:application",
        host=host,
        port=port,
        workers=workers,
        lifespan="off",
        access_log=False,
        log_config=None,  # the log of the house
        server_header=False,
        # On a server a proxy stands in front: what it says of the visitor (https, address) must arrive.
        proxy_headers=settings.PRODUCTION,
        forwarded_allow_ips="*" if settings.PRODUCTION else None,
        timeout_graceful_shutdown=PATIENCE,
    )
    taken = _bound(host, port)
    connections.close_all()  # this thread asks nothing more
    signal.signal(signal.SIGTERM, _interrupted)  # uvicorn ends in good order, and then hands the signal on
    print(f"Amiable is served at http://{host}:{port}/", file=sys.stderr, flush=True)
    try:
        if workers > 1:
            with tempfile.TemporaryDirectory(prefix="amiable-metrics-") as shared:
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared  # where the processes count together (web/timed.py)
                Multiprocess(config, sockets=[taken]).run()
        else:
            uvicorn.Server(config).run(sockets=[taken])
    except KeyboardInterrupt:
        print("Served until here.", file=sys.stderr)
    finally:
        taken.close()


def _interrupted(*told: Any) -> None:
    raise KeyboardInterrupt


def _bound(host: str, port: int) -> socket.socket:
    found = socket.socket(family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        sentence = f"Port {port} of {host} cannot be used: {error.strerror}. Name another with --port."
        raise UnableToServe(sentence) from error
    found.set_inheritable(True)
    return found
