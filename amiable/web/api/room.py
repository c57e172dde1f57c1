"""How an operation is added: its right is declared beside it, lists have cursors, and rows are looked up within a scope.

In: rows as the desk's scope gives them. Out: pages and single rows. Never: a row that its asker may not see, told by 404,
403 or the time it takes: what is not theirs is not found.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar, cast

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Query, Router, Schema
from pydantic import Field

from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer
from amiable.web import seen
from amiable.web.api.door import Asked
from amiable.web.api.problem import Problem, not_found
from amiable.web.api.shape import Id, Page
from amiable.web.desk import scope

M = TypeVar("M", bound=Model)
Rows = Callable[[User], "QuerySet[Any]"]
Cursor = Annotated[str, Field(pattern="^[0-9a-f]{0,15}$", description="`next` of the page before.")]
Limit = Annotated[int, Field(default=50, ge=1, le=200)]
RIGHTS: dict[str, str] = {}  # operation → the act of web/desk/scope.py that it needs; `read`: to see the row is enough
READ = "read"
UNDOABLE: set[str] = set()  # operations whose answer may carry an Undo
KEYED: set[str] = set()  # operations that move money outside the house: only with a key that makes them happen once


class Slice(Schema):
    """Which part of a list."""

    cursor: Cursor = ""
    limit: Limit = 50


def asking(request: HttpRequest) -> Asked:
    return cast(Asked, request)


def get(router: Router, path: str, *, response: Any, name: str, right: str = READ, **told: Any) -> Callable[[Any], Any]:
    return operation(router, ["GET"], path, right=right, response=response, name=name, **told)


def post(
    router: Router,
    path: str,
    *,
    right: str,
    response: Any,
    name: str,
    keyed: bool = False,
    undo: bool = False,
    **told: Any,
) -> Callable[[Any], Any]:
    """A POST; `right` is the act that role and token must allow; `keyed`: never without an Idempotency-Key; `undo`: its
    answer may carry what takes it back.
    """
    KEYED.update({name} if keyed else ())
    UNDOABLE.update({name} if undo else ())
    return operation(router, ["POST"], path, right=right, response=response, name=name, **told)


def put(router: Router, path: str, *, right: str, response: Any, name: str, **told: Any) -> Callable[[Any], Any]:
    """A PUT: what two people could overwrite; it needs If-Match (policy.py: seen_as)."""
    return operation(router, ["PUT"], path, right=right, response=response, name=name, **told)


def operation(
    router: Router, methods: list[str], path: str, *, right: str, response: Any, name: str, **told: Any
) -> Callable[[Any], Any]:
    RIGHTS[name] = right

    def add(view: Any) -> Any:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if methods == ["GET"]:
                seen.place(name, kwargs.get("pk"))
            granted(asking(request), right)
            if name in KEYED:
                asking(request).wish = _named(asking(request))
            found = view(request, *args, **kwargs)
            assert "Undo" not in asking(request).told or name in UNDOABLE, (
                "What can be taken back says so in the document."
            )
            return found

        return router.api_operation(methods, path, response=response, operation_id=name, **told)(checked)

    return add


def _named(request: Asked) -> str:
    """The name of a wish, of its person and key alone: what reached a provider before a lost answer is known there again."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        raise Problem(400, _("Money leaves the house by this: send an Idempotency-Key, so that it leaves once."))
    found = hashlib.sha256(f"{request.user.pk}\n{key}".encode()).digest()
    return base64.urlsafe_b64encode(found[:12]).decode()


def granted(request: Asked, right: str) -> None:
    """The token itself must allow the act, whatever it is about."""
    if right != READ and request.narrowed is not None and right not in request.narrowed:
        raise Problem(403, _("This token may not do that: it lacks “%(act)s”.") % {"act": right})


def shelf(
    router: Router,
    path: str,
    *,
    name: str,
    many: str,
    schema: type[Schema],
    rows: Rows,
    filters: type[FilterSchema],
    whole: type[Schema] | None = None,
    one: bool = True,
) -> None:
    """The two reads of a resource: its list, newest first, narrowed by declared filters; and one row (`whole`: told in full)."""

    def listed(request: HttpRequest, asked: Query[filters], part: Query[Slice]) -> Any:  # type: ignore[valid-type]
        found = asked.filter(rows(asking(request).user))  # type: ignore[attr-defined]
        return page(found, part)

    pages: Any = Page.__class_getitem__(schema)
    get(router, path, response=pages, name=f"list_{many}", summary=f"List {_spoken(many)}")(listed)
    if not one:
        return

    def read(request: HttpRequest, pk: Id) -> Any:
        found = row(rows(asking(request).user), pk)
        if (about := whose(found)) is not None:
            seen.customer(about)  # in the trail it is a view of the customer, whichever row of theirs it was
        return found

    operation(
        router,
        ["GET"],
        path + "/{pk}",
        right=READ,
        response=whole or schema,
        name=f"get_{name}",
        summary=f"Read one {_spoken(name)}",
    )(read)


def whose(row: Model) -> Customer | None:
    """The customer to whom a row belongs, itself or by what it is about."""
    near = (getattr(row, name, None) for name in ("customer", "contact", "invoice", "note", "credit", "case"))
    found = (each if isinstance(each, Customer) else getattr(each, "customer", None) for each in near)
    return next((each for each in found if each is not None), None)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def page(found: "QuerySet[Any]", part: Slice) -> dict[str, Any]:
    """By the key, newest first: rows that come in between neither repeat nor hide one."""
    if part.cursor:
        found = found.filter(Q(pk__lt=opened(part.cursor, 0)))
    rows = list(found.order_by("-pk")[: part.limit + 1])
    more = len(rows) > part.limit
    return {"items": rows[: part.limit], "next": closed(rows[part.limit - 1].pk) if more else None}


def closed(value: int) -> str:
    return f"{value:x}"


def opened(cursor: str, first: int) -> int:
    """The number in a cursor; `first` where there is none."""
    return int(cursor, 16) if cursor else first


def row(rows: "QuerySet[M]", pk: int) -> M:
    """The row, when it is among those that the asker sees."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise not_found()
    return found


def customer(request: HttpRequest, pk: int, *, right: str = READ, outside: bool = False) -> Customer:
    """The customer, when the asker sees it; a role that may not do it is told so, since they see it anyway. `outside`: for
    agencies too.
    """
    rows = scope.customers_for(asking(request).user, outside=outside or right != READ)
    found = row(rows.select_related("creditor"), pk)
    allowed(request, right, found)
    seen.customer(found)
    return found


def allowed(request: HttpRequest, right: str, about: Customer) -> None:
    if right == READ:
        return
    if not scope.may(asking(request).user, right, about):
        raise Problem(403, _("Your role does not do that with this customer."))
    if about.merged_into_id:  # a pointer: nothing is done about it any more
        told = _("This record was made one with the customer %(number)s.") % {"number": about.merged_into_id}
        raise Problem(409, told)


def creditor(request: HttpRequest, pk: int, *, right: str = READ) -> Creditor:
    """A creditor of whom the asker sees the whole; and does that, where a right is asked for."""
    user = asking(request).user
    found = row(scope.whole_creditors(user), pk)
    if right != READ and not scope.sees_whole_of(user, pk, act=right):
        raise Problem(403, _("Your role does not do that for this creditor."))
    return found


def mine(
    user: User, rows: "QuerySet[M]", path: str = "customer__", own: str = "", outside: bool = False
) -> "QuerySet[M]":
    """Rows of the customers whom this user sees. `outside`: agencies too, of those of whom something lies with them."""
    return rows.filter(scope.reach(user, path=path, creditor=own, outside=outside))


def own(model: type[M]) -> Rows:
    """The rows of a model that belong to the customers whom somebody sees."""
    return lambda user: mine(user, model._default_manager.all())


def houses(user: User, right: str = READ) -> "QuerySet[Creditor]":
    """The creditors of whom this user sees the whole (and may do this)."""
    return scope.whole_creditors(user, act=None if right == READ else right)
