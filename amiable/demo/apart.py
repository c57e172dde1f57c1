"""A creditor's replay as a process of its own, so that two creditors live on two cores.

In: on the first line of its input what is asked, as JSON. Out: a line of JSON for each day lived, and one for the end.
"""

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import date
from typing import IO, Any


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amiable.settings")
    import django
    from django.conf import settings

    django.setup()
    from amiable.demo.replay import Asked, replay

    # Whoever asks may still be making the database ready while all this was being loaded.
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", asked.pop("smtp_port"), "none"
    told = sys.stdout
    with redirect_stdout(sys.stderr):  # whatever a library prints is none of our lines
        came = replay(Asked(**asked | {"end": date.fromisoformat(asked["end"])}), lived=lambda: _tell(told, {}))
    _tell(told, {"came": came})


def _tell(to: IO[str], line: dict[str, Any]) -> None:
    to.write(json.dumps(line) + "\n")
    to.flush()


if __name__ == "__main__":
    main()
