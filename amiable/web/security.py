"""What every request and page keeps to: the Content-Security-Policy (nothing inline, nothing from elsewhere), plain words."""

from collections.abc import Callable, Iterable, Mapping

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from amiable.web.api.problem import Problem, answer

DIRECTIVES = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "style-src": "'self'",
    "script-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def opened(more: Mapping[str, Iterable[str]]) -> str:
    """The policy, with further origins let in by directive; for one page, never for all."""
    allowed = {name: DIRECTIVES.get(name, DIRECTIVES["default-src"]) for name in [*DIRECTIVES, *more]}
    return "; ".join(f"{name} {' '.join([origins, *more.get(name, ())])}" for name, origins in allowed.items())


POLICY = opened({})


class ContentSecurityPolicy:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class PlainWords:
    """Turns away an address or a form with the character that no database keeps and nobody types."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = request.get_full_path().encode()
        if request.content_type == "application/x-www-form-urlencoded":
            asked += request.body
        if b"%00" in asked or b"\0" in asked:
            return answer(Problem(400, _("A character in it can be kept by no database.")))
        return self.get_response(request)
