from django.urls import path

from amiable.web.hooks import views

app_name = "hooks"
urlpatterns = [
    path("psp/<slug:key>/", views.psp, name="psp"),
    path("channel/<int:creditor>/<slug:key>/", views.channel, name="channel"),
]
