"""A real django-tenants on PostgreSQL: users, sessions and SimpleJWT's blacklist in each company's own schema.

usage: tenants.py SOCKET_FOLDER DATABASE SECRET_KEY
"""

import json
import sys
from importlib import import_module

import django
from django.conf import settings

SOCKET, DATABASE, SECRET = sys.argv[1:]
SHARED = ["django_tenants", "companies", "django.contrib.contenttypes"]
OWN = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
]

settings.configure(
    SECRET_KEY=SECRET,
    DATABASES={
        "default": {
            "ENGINE": "django_tenants.postgresql_backend",
            "HOST": SOCKET,
            "USER": "charla",
            "NAME": DATABASE,
        }
    },
    DATABASE_ROUTERS=["django_tenants.routers.TenantSyncRouter"],
    TENANT_MODEL="companies.Company",
    TENANT_DOMAIN_MODEL="companies.Domain",
    SHARED_APPS=SHARED,
    TENANT_APPS=OWN,
    INSTALLED_APPS=SHARED + [app for app in OWN if app not in SHARED],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
    USE_TZ=True,
)
django.setup()

from companies.models import Company  # noqa: E402
from django.contrib.auth import get_user_model, login  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django_tenants.utils import schema_context  # noqa: E402
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken  # noqa: E402

# Its own tables have no migrations here.
with connection.schema_editor() as editor:
    for model in import_module("companies.models").Company, import_module("companies.models").Domain:
        editor.create_model(model)
call_command("migrate_schemas", shared=True, verbosity=0)
for name in ("north", "south"):
    Company(schema_name=name).save(verbosity=0)


def session(who):
    request = HttpRequest()
    request.session = import_module("django.contrib.sessions.backends.db").SessionStore()
    who.backend = "django.contrib.auth.backends.ModelBackend"
    login(request, who)
    request.session.save()
    return request.session.session_key


made = {}
User = get_user_model()
for company in ("north", "south"):
    with schema_context(company):
        who = User.objects.create_user(f"ana of {company}", password="pw", id=42)
        made[company] = {"session": session(who), "access": str(RefreshToken.for_user(who).access_token)}
        listed = SlidingToken.for_user(who)
        listed.blacklist()
        made[company]["listed"] = str(listed)

print(json.dumps(made))
