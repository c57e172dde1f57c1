"""What a colleague may decide about other colleagues: only at creditors that they administer, never more than they have."""

from django.db.models import QuerySet

from amiable.core.models import Role, Scope, User
from amiable.web.desk import scope

# Who gives which roles, and takes them away.
GIVES: dict[str, frozenset[str]] = {
    Role.ADMIN: frozenset(Role.values),
    Role.MANAGER: frozenset(set(Role.values) - {Role.ADMIN}),
}


def grantable(user: User, creditor_ref: int) -> frozenset[str]:
    """The roles that this user may give at this creditor; none to who does not administer the whole of it."""
    if user.is_superuser:
        return frozenset(Role.values)
    held = (each for each in scope.scopes(user) if each.creditor_ref == creditor_ref)
    whole = [each.role for each in held if each.branch_ref is None and not each.own_customers_only]
    return frozenset().union(*(GIVES.get(role, frozenset()) for role in whole))


def may_change(user: User, held: Scope) -> bool:
    """Whether this user may take this scope away."""
    return held.role in grantable(user, held.creditor_ref)


def people_for(user: User) -> QuerySet[User]:
    """Whoever works at a creditor that this user administers; everybody for who sees everything."""
    if user.is_superuser:
        return User.objects.all()
    mine = scope.whole_creditors(user, act="administer").values("pk")
    return User.objects.filter(pk__in=Scope.objects.filter(creditor_ref__in=mine).values("user"))


def commands(user: User, other: User) -> bool:
    """Whether this user may close the account of another: all that the other may do is theirs to give."""
    if user.is_superuser:
        return True
    held = list(other.scopes.all())
    return bool(held) and not other.is_superuser and all(may_change(user, each) for each in held)
