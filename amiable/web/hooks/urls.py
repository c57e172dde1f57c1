from django.urls import path

from amiable.web.hooks import views

app_name = "hooks"
urlpatterns = [
    path("psp/<slug:key>/", views.psp, name="psp"),
    path("psp/<int:creditor>/<slug:key>/", views.psp_of, name="psp_of"),
    path("channel/<int:creditor>/<slug:key>/", views.channel, name="channel"),
]
