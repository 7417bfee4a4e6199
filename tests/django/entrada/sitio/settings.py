"""A small site whose rule of who may enter is another one in each try (`sala/acceso.py`)."""
import os
from urllib.parse import unquote, urlsplit

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "channels", "sala"]
ROOT_URLCONF = "sitio.asgi"
ASGI_APPLICATION = "sitio.asgi.application"

base = urlsplit(os.environ["DATABASE_URL"])
if base.scheme == "sqlite":
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": base.path}}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": base.path.lstrip("/"),
            "USER": unquote(base.username or ""),
            "PASSWORD": unquote(base.password or ""),
            "HOST": base.hostname,
            "PORT": base.port or 5432,
        }
    }

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
