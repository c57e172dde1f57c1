import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.db import migrations, models

# What was told by somebody else never kept anybody from being asked.
VOID = "UPDATE casework_surveyask SET void_since = asked_at WHERE medium = '';"
# On the way back, what counts for nothing is what has no medium.
NO_MEDIUM = "UPDATE casework_surveyask SET medium = '' WHERE void_since IS NOT NULL;"
# The words of an answer stand with the answer alone; on the way back they are only told there too.
WORDS = "UPDATE casework_task SET context = context - 'words' - 'score' WHERE context ? 'survey';"


def _once(condition: models.Q) -> django.contrib.postgres.constraints.ExclusionConstraint:
    return django.contrib.postgres.constraints.ExclusionConstraint(condition=condition, expressions=[(models.Func('customer', output_field=django.contrib.postgres.fields.ranges.BigIntegerRangeField(), template="int8range(%(expressions)s, %(expressions)s, '[]')"), '&&'), (models.Func('asked_on', output_field=django.contrib.postgres.fields.ranges.DateRangeField(), template='daterange(%(expressions)s, %(expressions)s + 90)'), '&&')], name='survey_once_in_90_days')


class Migration(migrations.Migration):

    dependencies = [
        ('casework', '0005_survey'),
    ]

    operations = [
        migrations.AddField(
            model_name='surveyask',
            name='void_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RemoveConstraint(
            model_name='surveyask',
            name='survey_once_in_90_days',
        ),
        migrations.RunSQL(VOID, NO_MEDIUM),
        migrations.RunSQL(WORDS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='surveyask',
            constraint=_once(models.Q(('void_since', None))),
        ),
    ]
