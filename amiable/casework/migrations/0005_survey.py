import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models

# What was answered before anybody was asked by us: it keeps nobody from being asked.
ASKED = """
INSERT INTO casework_surveyask (customer_id, after, subject_ref, step, medium, address, asked_on, asked_at)
SELECT v.customer_id, left(v.after, 10), v.subject_ref, '', '', '', (v.answered_at AT TIME ZONE k.time_zone)::date, v.answered_at
FROM casework_surveyanswer v JOIN ledger_customer c ON c.id = v.customer_id JOIN ledger_creditor k ON k.id = c.creditor_id;
UPDATE casework_surveyanswer v SET ask_id = a.id FROM casework_surveyask a
WHERE a.customer_id = v.customer_id AND a.subject_ref = v.subject_ref;
SET CONSTRAINTS ALL IMMEDIATE;
"""


# On the way back each answer says itself what it was about.
TOLD = """
UPDATE casework_surveyanswer v SET after = a.after, subject_ref = a.subject_ref FROM casework_surveyask a WHERE a.id = v.ask_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('casework', '0004_chain'),
        ('ledger', '0003_api'),
    ]

    operations = [
        migrations.CreateModel(
            name='SurveyAsk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('after', models.CharField(choices=[('call', 'Call'), ('mail', 'Exchange of messages'), ('payment', 'Payment'), ('plan', 'Payment plan'), ('dispute', 'Dispute'), ('visit', 'Visit of the portal')], max_length=10)),
                ('subject_ref', models.CharField(max_length=60)),
                ('step', models.CharField(blank=True, default='', max_length=40)),
                ('medium', models.CharField(blank=True, default='', max_length=10)),
                ('address', models.CharField(blank=True, default='', max_length=320)),
                ('asked_on', models.DateField()),
                ('asked_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='surveyask',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='surveys', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='surveyanswer',
            name='ask',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='answer', to='casework.surveyask'),
        ),
        migrations.RunSQL(ASKED, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='surveyanswer',
            name='ask',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='answer', to='casework.surveyask'),
        ),
        migrations.RemoveConstraint(
            model_name='surveyanswer',
            name='survey_once',
        ),
        migrations.AlterField('surveyanswer', 'after', models.CharField(max_length=20, null=True)),
        migrations.AlterField('surveyanswer', 'subject_ref', models.CharField(max_length=60, null=True)),
        migrations.RunSQL(migrations.RunSQL.noop, TOLD),
        migrations.RemoveField(
            model_name='surveyanswer',
            name='after',
        ),
        migrations.RemoveField(
            model_name='surveyanswer',
            name='subject_ref',
        ),
        migrations.AddField(
            model_name='surveyanswer',
            name='recommend',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='notification',
            name='kind',
            field=models.CharField(choices=[('mention', 'You are named in a note'), ('task', 'A task is handed to you or shared with you'), ('escalation', 'Work is passed up to you'), ('word', 'A colleague is asked for a word, or gives it'), ('reply', 'A customer answers'), ('dispute', 'A dispute waits for you'), ('promise', 'A promise that you took is not kept'), ('plan', 'A payment plan that you made is late or broken'), ('returned', 'A payment is taken back'), ('survey', 'A customer is not content with us'), ('other', 'Anything else')], default='other', max_length=12),
        ),
        migrations.AddIndex(
            model_name='surveyanswer',
            index=models.Index(fields=['-answered_at'], name='survey_answered'),
        ),
        migrations.AddConstraint(
            model_name='surveyanswer',
            constraint=models.CheckConstraint(condition=models.Q(('recommend__isnull', True), ('recommend__lte', 10), _connector='OR'), name='survey_recommend_to_10'),
        ),
        migrations.AddIndex(
            model_name='surveyask',
            index=models.Index(condition=models.Q(('address', ''), _negated=True), fields=['address', 'asked_on'], name='survey_address'),
        ),
        migrations.AddConstraint(
            model_name='surveyask',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('medium', ''), _negated=True), expressions=[(models.Func('customer', output_field=django.contrib.postgres.fields.ranges.BigIntegerRangeField(), template="int8range(%(expressions)s, %(expressions)s, '[]')"), '&&'), (models.Func('asked_on', output_field=django.contrib.postgres.fields.ranges.DateRangeField(), template='daterange(%(expressions)s, %(expressions)s + 90)'), '&&')], name='survey_once_in_90_days'),
        ),
    ]
