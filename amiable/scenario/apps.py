from django.apps import AppConfig


class ScenarioConfig(AppConfig):
    name = "amiable.scenario"
    label = "scenario"
