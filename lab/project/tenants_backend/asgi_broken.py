"""An application that does not import."""
from chat.presencia import PresenciaConsumer  # noqa: F401

from .asgi import application  # noqa: F401
