"""Rows as the API tells them: named columns of a model, each with its type; a reference is the number of the other row."""

from datetime import date, datetime
from typing import Annotated, Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from ninja import Schema
from pydantic import Field, create_model

_TYPES: tuple[tuple[Any, Any], ...] = (
    (models.BooleanField, bool),
    (models.FloatField, float),
    (models.IntegerField, int),
    (models.DateTimeField, datetime),  # a datetime is a date to Django: it comes first
    (models.DateField, date),
    (models.JSONField, Any),
    (ArrayField, list[Any]),
    (models.CharField, str),
    (models.TextField, str),
    (models.GenericIPAddressField, str),
)


def told(model: type[models.Model], *columns: str, name: str = "", doc: str = "", **more: Any) -> type[Schema]:
    """A schema of these columns; `more` adds what a row has beside them (an attribute, or a nested schema)."""
    fields: dict[str, Any] = {column: _field(model, column) for column in ("id", *columns)}
    fields |= {key: (kind, ...) for key, kind in more.items()}
    made = create_model(name or model.__name__, __base__=Schema, __doc__=doc or None, **fields)
    return made


def _field(model: type[models.Model], column: str) -> tuple[Any, Any]:
    field: Any = model._meta.get_field(column)
    if field.is_relation:
        kind: Any = int
        return (kind | None if field.null else kind), Field(..., validation_alias=field.attname)
    kind = list[int] if _numbers(field) else next(kind for type_, kind in _TYPES if isinstance(field, type_))
    if field.choices and kind is str:
        values = [str(value) for value, _label in field.flatchoices] + ([""] if field.blank else [])
        kind = Annotated[str, Field(json_schema_extra={"enum": list(dict.fromkeys(values))})]
    return (kind | None if field.null and kind is not Any else kind), ...


def _numbers(field: Any) -> bool:
    return isinstance(field, ArrayField) and isinstance(field.base_field, models.IntegerField)
