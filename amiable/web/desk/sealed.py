"""A form of settings that are kept sealed: what was kept stands in it, but for the secrets; what comes out is plain JSON."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from amiable.core import seal


class _Renewed(forms.Form):
    """Asks again for the secrets that were kept for another place."""

    kind: type[forms.Form]
    before: Mapping[str, Any]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        for name in seal.to_be_typed(self.kind, self.before, found):
            self.add_error(name, seal.elsewhere())
        return found


def form(kind: type[forms.Form], known: dict[str, Any] | None, given: Any, *, but: str = "") -> forms.Form:
    """The form as it is shown, or filled in; `but`: a field that is ours and not to be typed."""
    secret = seal.secrets_of(kind)
    shown = {name: value for name, value in (known or {}).items() if name not in secret}
    whole = type(kind.__name__, (_Renewed, kind), {"kind": kind, "before": known or {}})
    made: forms.Form = whole(given, initial=shown) if given is not None else whole(initial=shown)
    made.fields.pop(but, None)
    for name, field in made.fields.items():
        if name in secret:
            field.widget.attrs["autocomplete"] = "new-password"
            if (known or {}).get(name):
                field.required = False
                field.widget.attrs["placeholder"] = _("kept; empty keeps it")
        if isinstance(field.widget, forms.CheckboxInput):
            style = "form-check-input"
        else:
            style = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
        field.widget.attrs.setdefault("class", style)
        if field.help_text:
            field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"
    return made


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON holds them."""
    return {
        name: value if value is None or isinstance(value, bool | int | float | str) else str(value)
        for name, value in values.items()
    }
