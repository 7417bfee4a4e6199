from django.contrib.auth.models import AbstractUser
from django.db import models


class Usuario(AbstractUser):
    es_soporte = models.BooleanField(default=False)
