from django.urls import path

from amiable.web.portal import pay_pages, plans, views
from amiable.web.portal.preferences import preferences
from amiable.web.portal.surveys import rate, survey
from amiable.web.portal.unsubscribe import unsubscribe

app_name = "portal"
urlpatterns = [
    path("p/<str:token>/", views.home, name="home"),
    path("p/<str:token>/identify/", views.identify, name="identify"),
    path("p/<str:token>/language/", views.language, name="language"),
    path("p/<str:token>/pay/", views.pay, name="pay"),
    path("p/<str:token>/pay/<str:attempt>/", pay_pages.fields, name="fields"),
    path("p/<str:token>/methods/", pay_pages.methods, name="methods"),
    path("p/<str:token>/methods/<int:mandate>/end/", pay_pages.method_end, name="method_end"),
    path("p/<str:token>/methods/<int:mandate>/standing/", pay_pages.standing_order, name="standing"),
    path("p/<str:token>/methods/<str:mandate>/", pay_pages.method, name="method"),
    path("p/<str:token>/paid/<str:attempt>/", views.paid, name="paid"),
    path("p/<str:token>/paid/<str:attempt>/state/", views.paid_state, name="paid_state"),
    path("p/<str:token>/paid/<str:attempt>/again/", views.again, name="again"),
    path("p/<str:token>/paid/<str:attempt>/receipt/", views.receipt_of, name="receipt"),
    path("p/<str:token>/claim/", views.claim, name="claim"),
    path("p/<str:token>/promise/", views.promise, name="promise"),
    path("p/<str:token>/plan/", plans.plan, name="plan"),
    path("p/<str:token>/plan/look/", plans.look, name="plan_look"),
    path("p/<str:token>/plan/accept/", plans.accept, name="plan_accept"),
    path("p/<str:token>/plan/talk/", plans.talk, name="plan_talk"),
    path("p/<str:token>/plan/<int:pk>/", plans.one, name="plan_one"),
    path("p/<str:token>/plan/<int:pk>/accept/", plans.accept_one, name="plan_accept_one"),
    path("p/<str:token>/plan/<int:pk>/agreement/", plans.agreement, name="plan_agreement"),
    path("p/<str:token>/dispute/<int:invoice>/", views.dispute, name="dispute"),
    path("p/<str:token>/invoice/<int:invoice>/copy/", views.copy, name="copy"),
    path("p/<str:token>/statement/", views.statement_copy, name="statement"),
    path("p/<str:token>/preferences/", preferences, name="preferences"),
    path("p/<str:token>/survey/", rate, name="rate"),
    path("s/<str:token>/", survey, name="survey"),
    path("u/<str:token>/", unsubscribe, name="unsubscribe"),
]
