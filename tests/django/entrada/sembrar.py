"""Makes the migrations and the tables, and people who belong to rooms in every way there is."""
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sitio.settings")
django.setup()

from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from sala.models import Plaza, Sala

call_command("makemigrations", "sala", verbosity=0)
call_command("migrate", verbosity=0)
names = ["ana", "luis", "clara", "eva", "root", "nadie", "grupo", "permiso"]
people = {name: User.objects.create(username=name) for name in names}
User.objects.filter(username="clara").update(is_staff=True)
User.objects.filter(username="root").update(is_superuser=True)
User.objects.create(username="fuera", is_active=False, is_staff=True)
rooms = [
    Sala.objects.create(titulo="uno", duena=people["ana"], agente=people["eva"]),
    Sala.objects.create(titulo="dos", duena=people["luis"], abierta=False),
    Sala.objects.create(titulo="tres", duena=people["ana"], agente=people["ana"], abierta=False),
]
rooms[0].invitados.add(people["luis"], people["nadie"])
rooms[1].invitados.add(people["ana"])
Plaza.objects.create(sala=rooms[0], persona=people["eva"], papel="agente")
Plaza.objects.create(sala=rooms[0], persona=people["eva"], papel="lector")
Plaza.objects.create(sala=rooms[1], persona=people["nadie"], papel="lector")
view = Permission.objects.get(codename="view_sala")
group = Group.objects.create(name="soporte")
group.permissions.add(view)
people["grupo"].groups.add(group)
people["permiso"].user_permissions.add(view)
