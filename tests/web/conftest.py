"""The rooms serve their files from a folder that an installation has; a fresh home has it too."""

import pytest
from django.conf import settings


@pytest.fixture(autouse=True, scope="session")
def _static_root() -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
