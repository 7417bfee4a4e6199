"""Tokens of SimpleJWT with a key pair, `CHECK_REVOKE_TOKEN` and ids of one kind, printed as one JSON object.

usage: keys.py DATABASE PUBLIC_KEY_FILE uuid|number; the public key is written there
"""

import json
import sys
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

DATABASE, KEY, IDS = sys.argv[1:]
pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
Path(KEY).write_bytes(
    pair.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
)
private = pair.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
PEOPLE = ["people"] if IDS == "uuid" else []
USER = "people.User" if IDS == "uuid" else "auth.User"

settings.configure(
    SECRET_KEY="of no use here, and yet Django wants one that is long",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        *PEOPLE,
        "rest_framework_simplejwt",
        "rest_framework_simplejwt.token_blacklist",
    ],
    AUTH_USER_MODEL=USER,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
    USE_TZ=True,
    SIMPLE_JWT={"ALGORITHM": "RS256", "SIGNING_KEY": private.decode(), "CHECK_REVOKE_TOKEN": True},
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
User = get_user_model()


def user(name):
    who = User(username=name)
    who.set_password("pw")
    who.save()
    return who


ana, eva, luis, gone = (user(name) for name in ("ana", "eva", "luis", "gone"))
made = {"user": str(ana.pk), "table": User._meta.db_table, "type": type(ana.pk).__name__}
made["good"] = str(RefreshToken.for_user(ana).access_token)
made["changed"] = str(RefreshToken.for_user(eva).access_token)
eva.set_password("other")
eva.save()
made["changed_after"] = str(RefreshToken.for_user(eva).access_token)
made["inactive"] = str(RefreshToken.for_user(luis).access_token)
luis.is_active = False
luis.save()
made["gone"] = str(RefreshToken.for_user(gone).access_token)
gone.delete()
# As the project made them before it asked for the claim.
without = AccessToken.for_user(ana)
del without["hash_password"]
made["without"] = str(without)
odd = AccessToken.for_user(ana)
odd["hash_password"] = 7
made["odd"] = str(odd)
listed = RefreshToken.for_user(ana)
made["listed"] = str(listed)
listed.blacklist()

print(json.dumps(made))
