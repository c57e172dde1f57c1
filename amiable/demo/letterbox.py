"""Our own SMTP server as a process beside the demo: tells its port on the first line, ends when its input is closed."""

import sys

from amiable.web.dev import smtp


def main() -> None:
    server = smtp.serve(port=0)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
