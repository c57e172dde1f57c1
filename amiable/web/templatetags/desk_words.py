"""Keys of rows as the trade says them, for the pages of the desk."""

from django import template
from django.contrib.messages.storage.base import Message

from amiable.web.desk import deed, labels

register = template.Library()


@register.filter
def step(key: str) -> str:
    """A purpose or step as people say it."""
    return labels.step(key)


@register.filter
def run_name(key: str) -> str:
    return labels.said(labels.RUNS, key)


@register.filter
def named(choices: list[tuple[str, str]], key: str) -> str:
    """The label of a choice."""
    return dict(choices).get(key, key)


@register.filter
def undo(message: Message) -> dict[str, str]:
    """The address and the token of the button that takes back what a message tells; empty where it cannot be."""
    return deed.button_of(str(message.extra_tags or ""))
