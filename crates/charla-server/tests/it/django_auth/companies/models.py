"""django-tenants' two tables."""

from django_tenants.models import DomainMixin, TenantMixin


class Company(TenantMixin):
    pass


class Domain(DomainMixin):
    pass
