"""What a server that knows no WebSockets serves."""
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenants_backend.settings")
application = get_wsgi_application()
