"""What opens over the page: a form, a task, a message. Without JavaScript the same address is a page of its own."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def dialog(request: HttpRequest, name: str, content: dict[str, Any]) -> HttpResponse:
    """`_name.html` into the dialog for htmx, wherever the answer would have gone; else `name.html` as a page."""
    if not request.headers.get("HX-Request"):
        return render(request, f"desk/{name}.html", content)
    response = render(request, f"desk/_{name}.html", content)
    response["HX-Retarget"], response["HX-Reswap"], response["HX-Reselect"] = "#act", "innerHTML", "#act-form"
    return response
