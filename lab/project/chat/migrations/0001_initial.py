"""The first tables."""
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="Chat",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("titulo", models.CharField(default="", max_length=100)),
                ("cliente", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name="Mensaje",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("texto", models.TextField()),
                ("autor", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ("chat", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="chat.chat")),
            ],
        ),
    ]
