"""Every address of the desk."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from amiable.web.desk import acts, customer, customers, enter, figures, home, letters, runs, switches, tasks

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
    path("tasks/<int:pk>/", tasks.task, name="task"),
    path("tasks/<int:pk>/done/", tasks.done, name="task_done"),
    path("creditors/<int:pk>/release/", home.release, name="release"),
    path("runs/", runs.runs, name="runs"),
    path("figures/", figures.figures, name="figures"),
]
