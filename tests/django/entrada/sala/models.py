"""Rooms, and four ways to belong to one."""
from django.conf import settings
from django.db import models


class Sala(models.Model):
    titulo = models.CharField(max_length=80)
    duena = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="salas_propias")
    agente = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, db_column="atiende", related_name="+")
    abierta = models.BooleanField(default=True)
    invitados = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="salas")


class Plaza(models.Model):
    sala = models.ForeignKey(Sala, on_delete=models.CASCADE, related_name="plazas")
    persona = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    papel = models.CharField(max_length=20)

    class Meta:
        db_table = "order"
