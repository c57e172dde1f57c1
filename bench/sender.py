"""One worker of the send bench: says when it is ready, begins when its input is closed, ends when nothing is left."""

import sys
from datetime import date, datetime

import django


def main(port: int, as_of: date, now: datetime) -> None:
    django.setup()
    from django.conf import settings
    from django.db import connection

    from amiable.outreach.send import send

    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", port, "none"
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.read()
    send(as_of=as_of, now=now)


if __name__ == "__main__":
    main(int(sys.argv[1]), date.fromisoformat(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
