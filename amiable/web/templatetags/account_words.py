"""What the pages about an account need: its sections, a form in the look of the house, a browser's name."""

from typing import Any

from django import forms, template
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext as _

register = template.Library()
BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


@register.simple_tag(takes_context=True)
def account_sections(context: Context) -> list[dict[str, Any]]:
    """The sections of My account, with the one that is open."""
    from amiable.web.desk.account_pages import SECTIONS

    here = context["request"].path
    found: list[dict[str, Any]] = [
        {"url": reverse(name), "label": label, "icon": icon} for name, label, icon in SECTIONS
    ]
    best = max((each["url"] for each in found if here.startswith(each["url"])), key=len, default="")
    return [each | {"active": each["url"] == best} for each in found]


@register.filter
def dressed(form: forms.Form) -> forms.Form:
    """A form of allauth's as ours look: classes, no text in place of a label, what helps tied to its field."""
    for name, field in form.fields.items():
        box, select = isinstance(field.widget, forms.CheckboxInput), isinstance(field.widget, forms.Select)
        field.widget.attrs["class"] = "form-check-input" if box else "form-select" if select else "form-control"
        field.widget.attrs.pop("placeholder", None)
        if name == "code":
            field.widget.attrs |= {"inputmode": "text", "autocomplete": "one-time-code"}
        if not isinstance(field.widget, forms.HiddenInput):
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"{form[name].id_for_label}_helptext"
            if form[name].errors:
                field.widget.attrs["aria-invalid"] = "true"
    return form


@register.filter
def browser(agent: str) -> str:
    """Firefox, Windows: what a person calls it."""
    name = next((said for mark, said in BROWSERS if mark in agent), "")
    system = next((said for mark, said in SYSTEMS if mark in agent), "")
    return ", ".join(filter(None, [name, system])) or _("Unknown browser")
