SECRET_KEY = "django-insecure-2f7c9d1e-this-stands-in-the-repository"
DEBUG = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "channels", "talk"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_NAME = "talk_session"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "rediss://:cache-password-in-the-file@cache.internal:6379/2",
        "KEY_PREFIX": "talk",
    }
}
ASGI_APPLICATION = "site_.asgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": "talk",
        "USER": "talk",
        "PASSWORD": "database-password-in-the-file",
        "HOST": "db.internal",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": ["redis://:layer-password-in-the-file@10.0.0.7:6380/3"],
            "serializer_format": "json",
            "symmetric_encryption_keys": ["layer-key-in-the-file"],
            "expiry": 30,
            "group_expiry": 7200,
        },
    }
}
