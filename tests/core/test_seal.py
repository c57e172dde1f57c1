from datetime import UTC, datetime

import pytest

from amiable.core import seal
from amiable.core.models import Credential

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
NAMES = {"creditor_ref": 1, "port": "channel", "key": "sms"}


def test_what_is_kept_is_unreadable_in_the_database_and_comes_back_whole():
    values = {"user": "amélie", "secret": "s3cr3t-of-the-provider"}
    row = seal.keep(values, now=NOW, **NAMES)
    row.refresh_from_db()
    assert b"s3cr3t" not in bytes(row.sealed)
    assert seal.kept(**NAMES) == values
    assert seal.kept(creditor_ref=2, port="channel", key="sms") is None


def test_kept_again_is_the_same_row_with_the_newer_values():
    seal.keep({"secret": "old"}, now=NOW, **NAMES)
    seal.keep({"secret": "new"}, now=NOW, **NAMES)
    assert seal.kept(**NAMES) == {"secret": "new"}
    assert Credential.objects.count() == 1


def test_a_new_key_comes_first_and_the_old_one_still_opens(settings):
    settings.CREDENTIAL_KEY = "the old key"
    seal.keep({"secret": "x"}, now=NOW, **NAMES)
    settings.CREDENTIAL_KEY = "a new key, the old key"
    assert seal.kept(**NAMES) == {"secret": "x"}
    settings.CREDENTIAL_KEY = "a new key"
    with pytest.raises(seal.UnableToUnseal, match="AMIABLE_CREDENTIAL_KEY"):
        seal.kept(**NAMES)
