"""Makes the tables and two companies, `acme` and `globex`, with the same chat and user numbers in both. Passwords are the names."""
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django_tenants.utils import schema_context

from chat.models import Chat
from empresas.models import Dominio, Empresa

# In one company ana is the customer; in the other, with the same number, inés is.
PERSONAS = {
    "acme": ["ana", "luis", "clara", "marta"],
    "globex": ["ines", "pablo", "sara", "tomas"],
}
SOPORTE = {"clara", "marta", "sara", "tomas"}
# The number of a chat, and its customer's.
CHATS = {5: 1, 6: 2, 7: 1}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--dominio", default="localhost", help="what the companies' host names end with")

    def handle(self, *args, dominio, **options):
        call_command("migrate_schemas", shared=True, verbosity=0)
        for nombre, personas in PERSONAS.items():
            empresa, nueva = Empresa.objects.get_or_create(schema_name=nombre, defaults={"nombre": nombre.title()})
            Dominio.objects.get_or_create(domain=f"{nombre}.{dominio}", defaults={"tenant": empresa, "is_primary": True})
            if nueva:
                with schema_context(nombre):
                    poblar(personas)
        self.stdout.write("acme y globex están listas")


def poblar(personas):
    for numero, nombre in enumerate(personas, start=1):
        get_user_model().objects.create(
            pk=numero, username=nombre, password=make_password(nombre, hasher="default"), is_staff=nombre in SOPORTE
        )
    for numero, cliente in CHATS.items():
        Chat.objects.create(pk=numero, customer_id=cliente, title=f"Pedido {numero}")
