"""Views and runs leave for a room of their own; their tables are renamed there."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("web", "0001_views_drafts_runs")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel(name="BulkItem"),
                migrations.DeleteModel(name="BulkRun"),
                migrations.DeleteModel(name="DefaultView"),
                migrations.DeleteModel(name="SavedView"),
            ]
        ),
    ]
