"""Chats, and who may enter them."""
from django.conf import settings
from django.db import models


class Chat(models.Model):
    cliente = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    titulo = models.CharField(max_length=100, default="")


class Mensaje(models.Model):
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE)
    autor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    texto = models.TextField()


def usuario_puede_conectar(usuario, chat):
    """The chat's customer, and any support employee."""
    return usuario.is_staff or usuario.pk == chat.cliente_id
