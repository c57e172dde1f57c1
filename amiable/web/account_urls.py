"""The addresses of allauth that exist here, by the names that it calls them: no sign-up, no social log-in, no log-in by code."""

from allauth.account import views
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkeys
from allauth.usersessions import views as sessions
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, re_path

from amiable.web.desk import enter


def nobody(request: HttpRequest) -> HttpResponse:
    raise Http404


urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", enter.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("account/signup/", nobody, name="account_signup"),
    path("account/closed/", views.account_inactive, name="account_inactive"),
    path("account/confirm/", views.reauthenticate, name="account_reauthenticate"),
    path("account/email/", views.email, name="account_email"),
    path("account/email/sent/", views.email_verification_sent, name="account_email_verification_sent"),
    path("account/email/<str:key>/", views.confirm_email, name="account_confirm_email"),
    path("account/password/", views.password_change, name="account_change_password"),
    path("account/password/first/", views.password_set, name="account_set_password"),
    path("account/forgotten/", views.password_reset, name="account_reset_password"),
    path("account/forgotten/sent/", views.password_reset_done, name="account_reset_password_done"),
    path("account/forgotten/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^account/forgotten/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("account/sessions/", sessions.list_usersessions, name="usersessions_list"),
    path("account/factor/", factor.index, name="mfa_index"),
    path("login/factor/", factor.authenticate, name="mfa_authenticate"),
    path("account/confirm/factor/", factor.reauthenticate, name="mfa_reauthenticate"),
    path("account/factor/app/", app.activate_totp, name="mfa_activate_totp"),
    path("account/factor/app/remove/", app.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/factor/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/factor/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("account/factor/codes/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("account/passkeys/", passkeys.list_webauthn, name="mfa_list_webauthn"),
    path("account/passkeys/add/", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
    path("account/passkeys/<int:pk>/remove/", passkeys.remove_webauthn, name="mfa_remove_webauthn"),
    path("account/confirm/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("login/passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
]
