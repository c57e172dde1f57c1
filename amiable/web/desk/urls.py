"""Every address of the desk."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from amiable.web.desk import (
    acts,
    customer,
    customers,
    enter,
    figures,
    home,
    intake_views,
    letters,
    runs,
    switches,
    tasks,
)

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("login/", enter.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(next_page="/login/"), name="logout"),
    path("enter/<str:token>/", enter.enter, name="enter"),
    path("language/", switches.language, name="language"),
    path("theme/", switches.theme, name="theme"),
    path("customers/", customers.customers, name="customers"),
    path("customers/<int:pk>/", customer.customer, name="customer"),
    path("customers/<int:pk>/happened/", customer.happened, name="happened"),
    path("customers/<int:pk>/foreseen/", customer.foreseen, name="foreseen"),
    path("customers/<int:pk>/act/<str:name>/", acts.act, name="act"),
    path("customers/<int:pk>/act/<str:name>/<int:ref>/", acts.act, name="act_on"),
    path("messages/<int:pk>/", letters.message, name="message"),
    path("messages/<int:pk>/body/", letters.body, name="message_body"),
    path("messages/<int:pk>/settle/", letters.settle, name="message_settle"),
    path("tasks/<int:pk>/", tasks.task, name="task"),
    path("tasks/<int:pk>/done/", tasks.done, name="task_done"),
    path("news/read/", home.read, name="news_read"),
    path("creditors/<int:pk>/release/", home.release, name="release"),
    path("imports/", intake_views.imports, name="imports"),
    path("imports/bring/", intake_views.bring, name="import_bring"),
    path("imports/look/<str:token>/", intake_views.look, name="import_look"),
    path("imports/missing/", intake_views.missing, name="imports_missing"),
    path("imports/<int:pk>/", intake_views.one, name="import"),
    path("quarantine/", intake_views.quarantine, name="quarantine"),
    path("quarantine/<int:pk>/", intake_views.mend, name="quarantine_mend"),
    path("runs/", runs.runs, name="runs"),
    path("figures/", figures.figures, name="figures"),
]
