"""The commands about mailboxes: `mail fetch` reads what customers answered. Goes out: figures, or JSON alone."""

from functools import cache
from typing import Annotated

import typer

from amiable.cli import Json, _creditor, _start, _tell

mail = typer.Typer(help="Mailboxes: what customers answer.", no_args_is_help=True)


@cache
def join(app: typer.Typer) -> None:
    """Adds these commands to the command line, once."""
    app.add_typer(mail, name="mail")


@mail.callback()
def _mail() -> None:
    """Keeps `fetch` a command of its own, even while it is the only one."""


@mail.command()
def fetch(
    creditor: Annotated[str, typer.Option(help="Only the mailbox of this creditor, by name or key.")] = "",
    json: Json = False,
) -> None:
    """Read the mailboxes once: answers, bounces and complaints since the last look. The worker does so every 5 minutes."""
    now = _start()
    from dataclasses import asdict

    from amiable.outreach.models import Mailbox
    from amiable.scenario.listen import listen

    owner = _creditor(creditor, make=False, now=now) if creditor else None
    summary = listen(now=now, creditor=owner)
    _tell(asdict(summary), json)
    if summary.unread:
        rows = Mailbox.objects.exclude(trouble="").select_related("creditor").order_by("creditor_id")
        wrong = [f"{row.creditor}: {row.trouble}" for row in (rows.filter(creditor=owner) if owner else rows)]
        typer.echo("\n".join(wrong), err=True)
        raise typer.Exit(1)
