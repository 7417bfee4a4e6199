"""Makes the database role that Charla uses: its own tables in a schema of its own, what decides who may enter to read, and messages to write."""
import os

from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

from empresas.models import Empresa

ROL = "CREATE ROLE charla LOGIN PASSWORD {password}"
PROPIO = """
CREATE SCHEMA IF NOT EXISTS charla AUTHORIZATION charla;
ALTER ROLE charla SET search_path = charla;
GRANT USAGE ON SCHEMA public TO charla;
GRANT SELECT ON public.empresas_empresa TO charla;
"""
POR_EMPRESA = """
GRANT USAGE ON SCHEMA {schema} TO charla;
GRANT SELECT (id, username, is_staff, is_active) ON {schema}.auth_user TO charla;
GRANT SELECT ON {schema}.chat_chat, {schema}.chat_mensaje TO charla;
GRANT INSERT ON {schema}.chat_mensaje TO charla;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO charla;
"""


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            def run(statement, **names):
                cursor.execute(sql.SQL(statement).format(**names).as_string(cursor.connection))

            cursor.execute("SELECT FROM pg_roles WHERE rolname = 'charla'")
            if cursor.fetchone() is None:
                run(ROL, password=sql.Literal(os.environ.get("CHARLA_ROLE_PASSWORD", "charla")))
            run(PROPIO)
            for empresa in Empresa.objects.all():
                run(POR_EMPRESA, schema=sql.Identifier(empresa.schema_name))
