"""What every page needs besides its own content."""

from typing import Any

from django.http import HttpRequest


def room(request: HttpRequest) -> dict[str, Any]:
    return {}
