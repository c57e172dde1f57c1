"""Whatever the document allows, and whatever it does not, the API answers as the document says, and never falls over."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from schemathesis.specs.openapi import checks

from tests.web import api_rows

pytestmark = pytest.mark.django_db


def _fuzzed(token: str, examples: int, *, long: bool = False) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
    wrong: list[str] = []
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for place, result in enumerate(schema.get_all_operations()):
        operation = result.ok()
        for mode in modes if long else modes[place % 2 :][:1]:  # the short run asks every other one what cannot be

            @hypothesis.settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def one(case: Any) -> None:
                # A rule of the field (a promise lies ahead) stands in no schema; who may not is asked in test_api_access.py.
                skipped = [checks.positive_data_acceptance] if case.method != "GET" else []
                case.call_and_validate(
                    headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
                    excluded_checks=[*skipped, *([] if long else [checks.ignored_auth])],
                )

            try:
                one()
            except (Exception, BaseExceptionGroup) as error:
                wrong.append(f"{operation.method} {operation.path} {mode}: {str(error)[:600]} {_all(error)}")
    assert not wrong, f"{len(wrong)}\n" + "\n\n".join(wrong)


def _all(error: BaseException) -> str:
    return " ".join(str(each)[:1500] for each in getattr(error, "exceptions", ()))


def test_a_bounded_run_finds_nothing(fuzzed_house: str) -> None:
    _fuzzed(fuzzed_house, 1)


@pytest.mark.long
def test_a_long_run_finds_nothing(fuzzed_house: str) -> None:
    _fuzzed(fuzzed_house, 60, long=True)


@pytest.fixture
def fuzzed_house(settings: Any) -> Iterator[str]:
    settings.API_PER_MINUTE = 10**9
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield api_rows.token(api_rows.house().manager)
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)
