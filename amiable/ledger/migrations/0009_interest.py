"""Charges on invoices: what was posted of them, waivers, the period that each posting is for."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_statements'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Waiver',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(blank=True, max_length=10)),
                ('source_ref', models.CharField(max_length=80)),
                ('reason', models.CharField(max_length=200)),
                ('since', models.DateField(blank=True, null=True)),
                ('until', models.DateField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='entry',
            name='part',
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='entry',
            name='period_on',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='invoice',
            name='charged_minor',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='entry',
            name='kind',
            field=models.CharField(choices=[('principal', 'Principal'), ('receipt', 'Receipt'), ('allocation', 'Allocation'), ('reversal', 'Reversal'), ('interest', 'Late interest'), ('indemnity', 'Recovery indemnity'), ('fee', 'Recovery costs'), ('write_off', 'Write-off'), ('refund', 'Refund')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(condition=models.Q(('period_on__isnull', False)), fields=('invoice', 'kind', 'period_on', 'part'), name='entry_charge_once'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('charged_minor__gte', 0)), name='invoice_charges_not_negative'),
        ),
        migrations.AddField(
            model_name='waiver',
            name='by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='waiver',
            name='creditor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='ledger.creditor'),
        ),
        migrations.AddField(
            model_name='waiver',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='waivers', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='waiver',
            name='invoice',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='waivers', to='ledger.invoice'),
        ),
        migrations.AddIndex(
            model_name='waiver',
            index=models.Index(fields=['customer'], name='waiver_customer'),
        ),
        migrations.AddConstraint(
            model_name='waiver',
            constraint=models.UniqueConstraint(fields=('source_ref', 'customer', 'invoice', 'kind'), name='waiver_once', nulls_distinct=False),
        ),
        migrations.RunSQL((Path(__file__).parent / 'charges.sql').read_text(), migrations.RunSQL.noop),
    ]
