from django.apps import AppConfig


class CaseworkConfig(AppConfig):
    name = "amiable.casework"
    label = "casework"
