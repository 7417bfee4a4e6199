"""What uvicorn and daphne serve."""
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import re_path  # noqa: E402

from chat.consumers import ChatConsumer, FallingConsumer, FlappingConsumer, LateConsumer  # noqa: E402
from chat.middleware import JwtMiddleware  # noqa: E402

routes = [
    re_path(rf"^ws/{name}/(?P<chat>\d+)/$", consumer.as_asgi())
    for name, consumer in [
        ("chat", ChatConsumer),
        ("late", LateConsumer),
        ("flapping", FlappingConsumer),
        ("falling", FallingConsumer),
    ]
]
application = ProtocolTypeRouter(
    {"http": django, "websocket": AllowedHostsOriginValidator(JwtMiddleware(URLRouter(routes)))}
)
