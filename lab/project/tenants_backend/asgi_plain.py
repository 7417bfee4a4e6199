"""As `startproject` writes it: no WebSocket in it."""
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenants_backend.settings")
application = get_asgi_application()
