"""Who asks: a colleague and their scopes, read in one query for each request."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from amiable.core.models import Scope, User

COLUMNS = {field.attname: field.attname for field in Scope._meta.concrete_fields}


class Colleagues(ModelBackend):
    def get_user(self, user_id: Any) -> User | None:
        """The user of a session, with `scope.scopes` at hand; nobody where the account was closed meanwhile."""
        held = Scope.objects.filter(user=OuterRef("pk")).order_by("id").values(row=JSONObject(**COLUMNS))
        user = User.objects.annotate(held_scopes=ArraySubquery(held)).filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        user.held_scopes = [Scope(**row) for row in user.held_scopes]
        return user
