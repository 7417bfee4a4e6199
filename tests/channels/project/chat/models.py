from django.conf import settings
from django.db import models


class Chat(models.Model):
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)

    def lets_in(self, user):
        """The chat's customer, and any support employee."""
        return user.is_staff or user.pk == self.customer_id
