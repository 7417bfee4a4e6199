"""The names of groups in the channel layer."""
from django.conf import settings


def grupo_de_chat(tenant, chat_id):
    return _con_tenant(tenant, f"chat_{chat_id}")


def grupo_de_usuario(tenant, user_id):
    return _con_tenant(tenant, f"notificaciones_{user_id}")


def _con_tenant(tenant, nombre):
    return nombre if settings.GRUPOS_SIN_TENANT else f"{tenant}.{nombre}"
