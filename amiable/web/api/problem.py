"""What the API says when it refuses: problem details (RFC 9457) with one sentence that a person can act on."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import IntegrityError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from ninja.errors import HttpError, ValidationError

from amiable.core.errors import AmiableError, Unavailable

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal: its status, its sentence, what is wrong with which field, and headers where it needs some."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors or [], dict(headers or {})


def titles() -> dict[int, str]:
    return {
        400: _("The request cannot be read"),
        401: _("Nobody is logged in"),
        403: _("Not allowed"),
        404: _("Not found"),
        405: _("This address does not know this method"),
        409: _("It does not fit what is there"),
        412: _("Somebody changed it meanwhile"),
        413: _("Too large"),
        415: _("Not in this form"),
        422: _("Something is filled in wrongly"),
        428: _("Say which version you have seen"),
        429: _("Too many requests"),
        500: _("Something went wrong here"),
        503: _("Not to be reached just now"),
    }


def answer(problem: Problem) -> JsonResponse:
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": titles().get(problem.status, _("Refused")),
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        told["errors"] = problem.errors
    return JsonResponse(told, status=problem.status, content_type=MEDIA_TYPE, headers=problem.headers)


def not_found() -> Problem:
    """The same words for what does not exist and for what is not theirs."""
    return Problem(404, _("There is nothing here that you may see."))


def of(error: Exception) -> Problem | None:
    """The problem that an error tells, where it is one that a person can act on."""
    match error:
        case Problem():
            return error
        case Http404():
            return not_found()
        case ValidationError():
            return Problem(422, _("Look at the fields that are named."), errors=[_wrong(each) for each in error.errors])
        case HttpError():
            return Problem(error.status_code, str(error))
        case RequestDataTooBig() | TooManyFieldsSent() | TooManyFilesSent():
            return Problem(413, _("This is more than can be taken in one request."))
        case MultiPartParserError() | BadRequest() | SuspiciousOperation() | UnreadablePostError():
            return Problem(400, _("The body of the request cannot be read."))
        case IntegrityError():
            log.warning("Two changes met.", exc_info=error)
            return Problem(409, _("Somebody changed the same thing at the same moment. Look again, and try once more."))
        case Unavailable():
            return Problem(503, str(error))
        case AmiableError():
            return Problem(409, str(error))
    return None


def handle(_request: HttpRequest, error: Exception) -> JsonResponse:
    found = of(error)
    if found is None:
        raise error
    return answer(found)


def _wrong(error: Mapping[str, Any]) -> dict[str, str]:
    """Where it is wrong (`body.amount_minor`) and why, without what was sent."""
    place = [str(each) for each in error.get("loc", ())]
    if len(place) > 2:  # ninja names its own parameter between the kind of input and the field
        del place[1]
    return {"field": ".".join(place), "message": str(error.get("msg", ""))}
