"""Chats, what is said in them, and who may enter."""
from django.conf import settings
from django.db import models


class Chat(models.Model):
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = models.CharField(max_length=100, default="")
    closed = models.BooleanField(default=False)


class Mensaje(models.Model):
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="mensajes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.TextField()
    oportunidad_id = models.BigIntegerField(null=True)
    created = models.DateTimeField()

    class Meta:
        ordering = ["created", "id"]


class Notificacion(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    mensaje = models.TextField()
    tipo = models.CharField(max_length=40)
    url = models.CharField(max_length=200, null=True)
    creada = models.DateTimeField(auto_now_add=True)


def usuario_puede_conectar(usuario, chat):
    """The chat's customer, and any support employee."""
    return usuario.is_staff or usuario.pk == chat.customer_id
