from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "amiable.insight"
    label = "insight"
