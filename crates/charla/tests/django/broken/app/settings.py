import os
from corp_settings import *

SECRET_KEY = fetch_secret("django")
ALLOWED_HOSTS = [host for host in os.environ["HOSTS"].split(",")]
INSTALLED_APPS = ["django.contrib.auth", "channels", "app"]
DATABASES = {"default": database_of(os.environ["REGION"])}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
SIMPLE_JWT = {"ALGORITHM": "HS256", "SIGNING_KEY": SECRET_KEY
