"""The partner companies, and the names by which they come in."""
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Empresa(TenantMixin):
    nombre = models.CharField(max_length=100)


class Dominio(DomainMixin):
    pass
