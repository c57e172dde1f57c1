from django.urls import path

from amiable.web.word.room import word

app_name = "word"
urlpatterns = [path("w/<str:token>/", word, name="word")]
