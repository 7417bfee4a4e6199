import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")
django_app = get_asgi_application()

from apps.rooms.auth import TokenMiddleware  # noqa: E402
from apps.rooms.urls import websocket_urls  # noqa: E402

application = ProtocolTypeRouter(
    {"http": django_app, "websocket": AllowedHostsOriginValidator(TokenMiddleware(URLRouter(websocket_urls)))}
)
