from django.apps import AppConfig


class OutreachConfig(AppConfig):
    name = "amiable.outreach"
    label = "outreach"
