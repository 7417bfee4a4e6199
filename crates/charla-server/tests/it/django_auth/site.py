"""A real Django with SimpleJWT: makes users, sessions in every backend and tokens, and prints them as one JSON object.

usage: site.py DATABASE REDIS_URL SECRET_KEY
"""

import json
import sys
from datetime import timedelta
from importlib import import_module

import django
from django.conf import settings

DATABASE, REDIS, SECRET = sys.argv[1:]

settings.configure(
    SECRET_KEY=SECRET,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "rest_framework_simplejwt",
        "rest_framework_simplejwt.token_blacklist",
    ],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import get_user_model, login, logout  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.test import override_settings  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken  # noqa: E402

call_command("migrate", verbosity=0)
User = get_user_model()
made = {}


def user(name):
    return User.objects.create_user(name, password="pw", id=100 + User.objects.count())


def session(engine, who, more=None):
    request = HttpRequest()
    request.session = import_module(f"django.contrib.sessions.backends.{engine}").SessionStore()
    who.backend = "django.contrib.auth.backends.ModelBackend"
    login(request, who)
    request.session.update(more or {})
    request.session.save()
    return request


ana = user("ana")
made["user"] = str(ana.pk)
for engine in ("db", "cache", "cached_db"):
    made[engine] = session(engine, ana).session.session_key
# So long that Django packs it, with what JSON and a pickle may hold.
long = {"basket": [1, 2.5, None, True, {"a": "ñ" * 2000}], "n": 10**20}
made["long_db"] = session("db", ana, long).session.session_key
made["long_cache"] = session("cache", ana, {**long, "when": timedelta(days=1)}).session.session_key

# In the database alone: the cache forgot it.
forgotten = session("cached_db", ana).session
from django.core.cache import cache  # noqa: E402

cache.delete(forgotten.cache_key)
made["forgotten_cached_db"] = forgotten.session_key

expired = session("db", ana).session
expired.set_expiry(-5)
expired.save()
made["expired"] = expired.session_key

ended = session("db", ana)
made["logged_out"] = ended.session.session_key
logout(ended)

with override_settings(SECRET_KEY="another project's key, as long as it is"):
    made["other_project"] = session("db", ana).session.session_key

with override_settings(SECRET_KEY="the key before it was changed, listed beside"):
    made["older_key"] = session("db", ana).session.session_key

anonymous = import_module("django.contrib.sessions.backends.db").SessionStore()
anonymous["basket"] = 1
anonymous.save()
made["anonymous"] = anonymous.session_key

eva = user("eva")
made["password_changed"] = session("db", eva).session.session_key
eva.set_password("other")
eva.save()

luis = user("luis")
made["inactive"] = session("db", luis).session.session_key
luis.is_active = False
luis.save()

from django.contrib.sessions.models import Session  # noqa: E402

tampered = session("db", ana).session
row = Session.objects.get(session_key=tampered.session_key)
row.session_data = ("A" if row.session_data[0] != "A" else "B") + row.session_data[1:]
row.save()
made["tampered"] = tampered.session_key

refresh = RefreshToken.for_user(ana)
made["access"] = str(refresh.access_token)
made["refresh"] = str(refresh)
numbered = AccessToken()
numbered["user_id"] = ana.pk
made["access_numbered"] = str(numbered)
made["sliding"] = str(SlidingToken.for_user(ana))
listed = SlidingToken.for_user(ana)
listed.blacklist()
made["sliding_blacklisted"] = str(listed)

print(json.dumps(made))
