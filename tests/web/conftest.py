"""The rooms serve their files from a folder that an installation has; a fresh home has it too."""

import pytest
from django.conf import settings

from amiable.ledger.models import Creditor
from tests.web import desk_rows as rows


@pytest.fixture(autouse=True, scope="session")
def _static_root() -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def ours(db: None) -> Creditor:
    return rows.creditor("ours")
