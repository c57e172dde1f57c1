from django.urls import path

from amiable.web.dev import outbox
from amiable.web.dev.psp import dashboard, psp

app_name = "dev"
urlpatterns = [
    path("outbox/", outbox.listed, name="outbox"),
    path("outbox/<str:mail_id>/", outbox.shown, name="mail"),
    path("outbox/<str:mail_id>/body/", outbox.body, name="body"),
    path("outbox/<str:mail_id>/files/<int:number>/", outbox.file, name="file"),
    path("psp/", dashboard, name="psp_dashboard"),
    path("psp/<str:token>/", psp, name="psp"),
]
