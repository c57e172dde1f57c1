"""Where providers call. In: a signed POST. Out: one domain call, and the status that says what to do next."""

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from amiable.core.errors import Refused, UnableTo, Unavailable
from amiable.payments import providers
from amiable.scenario import respond
from amiable.web.ui import clock

LARGEST = 256 * 1024  # bytes; a provider's call is a few hundred
log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def psp(request: HttpRequest, key: str) -> HttpResponse:
    """A payment provider's words. 200: taken in; 202: about nothing of ours; 400: not believed; 503: tell it later."""
    if key not in providers.providers():
        return _said("There is no such provider.", status=404)
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        return _said("The call is too long.", status=413)
    now = clock.now()
    try:
        words = list(providers.provider(key).events(request, now=now))
        arrival = respond.payment_arrived(provider=key, words=words, now=now)
    except (Refused, UnableTo) as error:
        log.warning("A call to the hook of %s was refused: %s", key, error)
        return _said(str(error), status=400)
    except Unavailable as error:
        log.warning("A call to the hook of %s is put off: %s", key, error)
        return _said(str(error), status=503)
    return JsonResponse(
        {"new": arrival.moved, "replayed": arrival.replayed, "unknown": arrival.unknown},
        status=202 if arrival.unknown else 200,
    )


def _said(sentence: str, *, status: int) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
