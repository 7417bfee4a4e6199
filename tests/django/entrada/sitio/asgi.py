"""The one way in."""
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sitio.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()

from sala.consumers import SalaConsumer

urlpatterns = []
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([path("ws/sala/<int:sala_id>/", SalaConsumer.as_asgi())])})
