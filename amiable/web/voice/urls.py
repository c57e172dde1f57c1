from django.urls import path

from amiable.web.voice.line import door
from amiable.web.voice.turns import TURNS

app_name = "voice"
view = door(TURNS)
urlpatterns = [
    path("<int:creditor>/", view, name="line"),
    path("<int:creditor>/<slug:step>/", view, name="turn"),
]
