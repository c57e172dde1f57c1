"""How many requests came, how they ended and how long they took, by the name of their route: for operators (metrics.py).

In: every request behind the static files. Out: counters in this process, or in files that the processes of one server share
(PROMETHEUS_MULTIPROC_DIR, which `amiable serve` sets). Never: an address, a person, a row in a label.
"""

import os
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

SHARED = bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))  # as the library read it when it was imported
disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began says nothing, and doubles them
KEPT = CollectorRegistry()
REQUESTS = Counter("amiable_http_requests", "Requests answered.", ["route", "status"], registry=KEPT)
SECONDS = Histogram(
    "amiable_http_request_seconds", "Seconds until an answer begins.", ["route"], registry=KEPT,
    buckets=(0.05, 0.1, 0.3, 1, 3, 10),
)  # fmt: skip
FOLLOWING = Gauge(
    "amiable_live_streams", "Pages that follow what happens.", registry=KEPT, multiprocess_mode="livesum"
)  # fmt: skip
STRANGE = "unknown"  # an address that is no route of ours


class Timed:
    """Counts each answer. Where nobody may read the figures, it is not there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = (match.view_name if match else "") or STRANGE
        SECONDS.labels(route).observe(time.perf_counter() - began)
        REQUESTS.labels(route, str(response.status_code)).inc()
        return response
