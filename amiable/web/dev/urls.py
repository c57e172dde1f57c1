from django.urls import path

from amiable.web.dev.psp import psp

app_name = "dev"
urlpatterns = [
    path("psp/<str:token>/", psp, name="psp"),
]
