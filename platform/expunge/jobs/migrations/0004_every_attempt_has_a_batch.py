from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_batches'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attempt',
            name='batch',
            field=models.ForeignKey(on_delete=models.deletion.PROTECT, related_name='attempts', to='jobs.batch'),
        ),
    ]
