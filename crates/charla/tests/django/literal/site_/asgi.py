import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")
http = get_asgi_application()

from talk.consumers import TalkConsumer, ticker  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AuthMiddlewareStack(
            URLRouter([path("ws/talk/<slug:room>/", TalkConsumer.as_asgi()), path("ws/ticker/", ticker)])
        ),
    }
)
