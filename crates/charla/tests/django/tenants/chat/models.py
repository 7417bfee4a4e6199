from django.conf import settings
from django.db import models


class Chat(models.Model):
    cliente = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chats")
    cerrado = models.BooleanField(default=False)
    asunto = models.CharField(max_length=200)


class Mensaje(models.Model):
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="mensajes")
    autor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    texto = models.TextField()
    oportunidad_id = models.IntegerField(null=True)
    creado = models.DateTimeField(auto_now_add=True)
