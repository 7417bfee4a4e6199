"""Makes the tables, three people (`clara` works in support) and ana's chat. Their passwords are their names."""
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402

from chat.models import Chat  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
ana, luis, clara = (User.objects.create_user(name, password=name, is_staff=name == "clara") for name in ("ana", "luis", "clara"))
Chat.objects.create(id=5, customer=ana)
