"""A real IMAP server for the tests: Dovecot on a free port of loopback, for this process, with its own certificate."""

import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.encrypted import certificate

DOVECOT = next(
    (path for path in ("/usr/sbin/dovecot", shutil.which("dovecot") or "") if path and Path(path).exists()), ""
)
USER, PASSWORD = "relance", "pâsse mot"

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 0
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
passdb {{
  driver = passwd-file
  args = scheme=plain username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Imap:
    """The server as it runs, and how its mailbox is filled."""

    port: int
    tls_port: int
    certificate: str

    def settings(self, **more: Any) -> dict[str, Any]:
        known = {"host": "127.0.0.1", "port": self.tls_port, "tls": "implicit", "user": USER, "password": PASSWORD}
        return known | {"folder": "INBOX", "certificate": self.certificate} | more

    @contextmanager
    def mailbox(self) -> Iterator[imaplib.IMAP4]:
        server = imaplib.IMAP4("127.0.0.1", self.port, timeout=30)
        server.authenticate("PLAIN", lambda _challenge: f"\0{USER}\0{PASSWORD}".encode())
        try:
            yield server
        finally:
            server.logout()

    def deliver(self, *letters: bytes, folder: str = "INBOX", at: datetime | None = None) -> None:
        with self.mailbox() as server:
            for letter in letters:
                arrived = imaplib.Time2Internaldate(at or datetime.now(UTC))
                status, told = server.append(
                    folder, "", arrived, letter.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                )
                assert status == "OK", told

    def renew(self, folder: str = "INBOX") -> None:
        """Empties the folder; a folder made anew counts its e-mails anew."""
        with self.mailbox() as server:
            if folder == "INBOX":
                server.select(folder)
                server.uid("STORE", "1:*", "+FLAGS", "\\Deleted")
                server.expunge()
            else:
                server.delete(folder)
                server.create(folder)

    def flags(self) -> list[bytes]:
        with self.mailbox() as server:
            server.select("INBOX", readonly=True)
            return [part for part in server.uid("FETCH", "1:*", "(FLAGS)")[1] if part]


@contextmanager
def serve() -> Iterator[Imap]:
    # Not among the folders of the tests, which are for their owner only, and closed again by each run that begins.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder:
        yield from _served(Path(folder))


def _served(folder: Path) -> Iterator[Imap]:
    port, tls_port = _free(), _free()
    (folder / "run").mkdir()
    (folder / "mail").mkdir()
    vouched = certificate(folder)
    (folder / "users").write_text(f"{USER}:{{plain}}{PASSWORD}\n", encoding="utf-8")
    me = pwd.getpwuid(os.getuid())
    # Dovecot does not serve the administrator's own mail: there its package's users take the parts.
    mine = {"user": me.pw_name, "group": _group(me.pw_name), "internal": me.pw_name, "login": me.pw_name}
    if os.getuid() == 0:
        mine = {"user": "dovecot", "group": "dovecot", "internal": "dovecot", "login": "dovenull"}
        folder.chmod(0o711)
        shutil.chown(folder / "mail", "dovecot", "dovecot")
    text = CONFIG.format(folder=folder, port=port, tls_port=tls_port, internal_group=mine["group"], **mine)
    (folder / "dovecot.conf").write_text(text, encoding="utf-8")
    process = subprocess.Popen([DOVECOT, "-F", "-c", str(folder / "dovecot.conf")], stderr=subprocess.PIPE)
    try:
        _wait(process, port, folder)
        yield Imap(port, tls_port, vouched)
    finally:
        process.terminate()
        process.wait(timeout=20)
        assert process.stderr is not None
        process.stderr.close()


def _group(name: str) -> str:
    import grp

    return grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    patience = time.monotonic() + 20
    while time.monotonic() < patience and process.poll() is None:
        try:
            imaplib.IMAP4("127.0.0.1", port, timeout=5).logout()
        except (OSError, imaplib.IMAP4.error):
            time.sleep(0.1)
        else:
            return
    log = (folder / "log").read_text() if (folder / "log").exists() else ""
    raise RuntimeError(f"Dovecot does not answer: {log[-2000:]}")


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
