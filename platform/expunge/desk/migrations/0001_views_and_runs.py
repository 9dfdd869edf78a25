"""Views and runs move here from the pages, with all their rows."""

import uuid

import django.db.models.deletion
import expunge.common.fields
from django.conf import settings
from django.db import migrations, models

TABLES = ("savedview", "defaultview", "bulkrun", "bulkitem")

STATE = [
    migrations.CreateModel(
        name="SavedView",
        fields=[
            ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("name", models.CharField(max_length=60)),
            ("query", models.CharField(blank=True, max_length=500)),
            ("shared", models.BooleanField(default=False)),
            ("controller", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.controller")),
            ("owner", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="views", to=settings.AUTH_USER_MODEL)),
        ],
        options={
            "ordering": ["name"],
            "constraints": [models.UniqueConstraint(fields=("owner", "name"), name="view_name_once")],
        },
    ),
    migrations.CreateModel(
        name="DefaultView",
        fields=[
            ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("user", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="default_view", to=settings.AUTH_USER_MODEL)),
            ("view", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="desk.savedview")),
        ],
        options={"abstract": False},
    ),
    migrations.CreateModel(
        name="BulkRun",
        fields=[
            ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("task", models.CharField(max_length=40)),
            ("code", models.CharField(blank=True, max_length=60)),
            ("text", expunge.common.fields.EncryptedTextField(editable=True, null=True)),
            ("total", models.PositiveIntegerField(default=0)),
            ("touched_at", models.DateTimeField()),
            ("stopped", models.BooleanField(default=False)),
            ("ended_at", models.DateTimeField(null=True)),
            ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="bulk_runs", to=settings.AUTH_USER_MODEL)),
        ],
        options={"ordering": ["-created_at"]},
    ),
    migrations.CreateModel(
        name="BulkItem",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("result", models.CharField(blank=True, max_length=60)),
            ("message", models.CharField(blank=True, max_length=300)),
            ("ticket", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tickets.ticket")),
            ("run", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="items", to="desk.bulkrun")),
        ],
        options={
            "ordering": ["pk"],
            "indexes": [models.Index(fields=["run", "result", "id"], name="bulk_result")],
            "constraints": [models.UniqueConstraint(fields=("run", "ticket"), name="bulk_ticket_once")],
        },
    ),
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("tickets", "0001_initial"),
        ("web", "0002_views_and_runs_move"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"ALTER TABLE web_{table} RENAME TO desk_{table}",
                    f"ALTER TABLE desk_{table} RENAME TO web_{table}",
                )
                for table in TABLES
            ],
            state_operations=STATE,
        ),
        migrations.AddField(
            model_name="bulkrun",
            name="token",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.apitoken"),
        ),
    ]
