"""Files under ASGI: what a view or WhiteNoise gives piece by piece is read in a thread, never in the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase


class Pieces:
    """The outermost of the middleware: it sees every file that leaves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(request, ASGIRequest) and isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _read(cast(Iterator[bytes], response.streaming_content))
        return response


async def _read(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
