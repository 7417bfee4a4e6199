"""The same behind Channels' own check of where the page comes from."""
from channels.routing import ProtocolTypeRouter
from channels.security.websocket import AllowedHostsOriginValidator

from . import asgi

application = ProtocolTypeRouter(
    {
        "http": asgi.django_application,
        "websocket": AllowedHostsOriginValidator(asgi.application.application_mapping["websocket"]),
    }
)
