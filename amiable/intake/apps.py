from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "amiable.intake"
    label = "intake"
