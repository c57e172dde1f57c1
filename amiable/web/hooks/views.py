"""Where providers call. In: a signed POST. Out: one domain call, and the status that says what to do next."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.errors import NotConfigured, Refused, UnableTo, Unavailable
from amiable.core.seal import UnableToUnseal
from amiable.ledger.models import Creditor
from amiable.outreach import receive, route
from amiable.outreach.channel import Heard, Hook, Unsigned, Word, channels
from amiable.payments import acquire, providers
from amiable.scenario import respond
from amiable.web.ui import clock

LARGEST = 256 * 1024  # bytes; a provider's call is a few hundred
log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def psp(request: HttpRequest, key: str) -> HttpResponse:
    """The words of a provider that is the same for every creditor: the one for trying out."""
    found = providers.providers().get(key)
    if found is None or found.Config.base_fields:
        return _said("There is no such provider.", status=404)
    return _heard(request, key, None)


@csrf_exempt
@require_POST
def psp_of(request: HttpRequest, creditor: int, key: str) -> HttpResponse:
    """The words of one creditor's payment provider, believed by the creditor's own settings and about nobody else."""
    owner, found = Creditor.objects.filter(pk=creditor).first(), providers.providers().get(key)
    if owner is None or found is None or not found.Config.base_fields:
        return _said("There is no such provider.", status=404)
    return _heard(request, key, owner)


def _heard(request: HttpRequest, key: str, owner: Creditor | None) -> HttpResponse:
    """200: taken in; 202: about nothing of ours; 400: not believed; 404: nobody uses it; 503: tell it later."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        return _said("The call is too long.", status=413)
    now = clock.now()
    try:
        acquirer = acquire.acquirer(owner, key) if owner else providers.kind(key)({})
        words = list(acquirer.events(request, now=now))
        arrival = respond.payment_arrived(provider=key, words=words, now=now, creditor=owner)
    except NotConfigured:
        return _said("This creditor does not use this provider.", status=404)
    except UnableToUnseal as error:
        log.error("A call to the hook of %s for %s cannot be checked: %s", key, owner, error)
        return _said("The call cannot be checked now.", status=503)
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


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def channel(request: HttpRequest, creditor: int, key: str) -> HttpResponse:
    """A carrier's words, and what people answer through it. The statuses are those of a payment; 401 asks for the password."""
    owner = Creditor.objects.filter(pk=creditor).first()
    if owner is None or key not in channels() or channels()[key].hook == Hook.NONE:
        return _said("There is no such channel.", status=404)
    if request.method == "HEAD" or (request.method == "GET" and not request.GET):
        return _said("It is here.", status=200)  # some look for the address before they use it
    if int(request.headers.get("Content-Length") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return _said("The call is too long.", status=413)
    try:
        said = list(route.route(owner, key).channel().events(request))
        told = _take_in(owner, key, said)
    except NotConfigured:
        return _said("This creditor does not use this channel.", status=404)
    except UnableToUnseal as error:
        log.error("A call to the hook of %s for %s cannot be checked: %s", key, owner, error)
        return _said("The call cannot be checked now.", status=503)
    except Unsigned as error:
        answer = _said(str(error), status=401)
        answer["WWW-Authenticate"] = 'Basic realm="Amiable"'
        return answer
    except (Refused, UnableTo) as error:
        log.warning("A call to the hook of %s for %s was refused: %s", key, owner, error)
        return _said(str(error), status=400)
    except Unavailable as error:
        log.warning("A call to the hook of %s for %s is put off: %s", key, owner, error)
        return _said(str(error), status=503)
    return JsonResponse(vars(told), status=202 if told.unknown else 200)


def _take_in(owner: Creditor, key: str, said: list[Word | Heard]) -> receive.Told:
    """Words about messages go to outreach, what people wrote to whoever answers them; both under the channel's name."""
    source, now = f"{key}:{owner.pk}"[:40], clock.now()
    words = [each for each in said if isinstance(each, Word)]
    told = receive.hear(source=source, words=words, now=now, creditor=owner)
    for each in said:
        if isinstance(each, Heard):
            reply = respond.reply_heard(
                source=source, external_id=each.external_id, sender=each.sender, recipient=each.recipient,
                subject=each.subject, text=each.text, at=each.at or now, now=now, medium=channels()[key].medium,
                answers=each.answers, creditor=owner.pk, attachments=each.attachments, automatic=each.automatic,
            )  # fmt: skip
            told.unknown += reply.customer_id is None
    return told


def _said(sentence: str, *, status: int) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
