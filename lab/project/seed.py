"""Fills the tables: ana (1) is the customer of chat 5, luis (2) is not, clara (3) works in support, ines (4) has left."""
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenants_backend.settings")

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from chat.models import Chat  # noqa: E402

call_command("migrate", verbosity=0)
for pk, name in enumerate(["ana", "luis", "clara", "ines"], start=1):
    User.objects.create(pk=pk, username=name, password="!", is_staff=name == "clara", is_active=name != "ines")
Chat.objects.create(pk=5, cliente_id=1, titulo="Pedido 5")
if connection.vendor == "postgresql":
    connection.cursor().execute("CREATE SCHEMA acme")
