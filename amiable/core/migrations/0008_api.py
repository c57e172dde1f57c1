from django.db import migrations

# What was kept readable is forgotten: links that let somebody in stood in it.
FORGET = "DELETE FROM core_apianswer"


class Migration(migrations.Migration):
    dependencies = [("core", "0007_boards")]

    operations = [
        migrations.RunSQL(FORGET, FORGET),
        migrations.RemoveField(model_name="apianswer", name="headers"),
        migrations.RenameField(model_name="apianswer", old_name="body", new_name="sealed"),
    ]
