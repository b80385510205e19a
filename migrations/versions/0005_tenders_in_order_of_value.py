"""Tenders in order of value, and to several at once

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tenders', sa.Column('place', sa.Integer(), nullable=False, server_default='1'))
    op.alter_column('tenders', 'place', server_default=None)
    op.add_column('tenders', sa.Column('counter_accepted_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_index('uq_tenders_one_open_per_shipment', table_name='tenders')
    op.create_index('uq_tenders_one_accepted_per_shipment', 'tenders', ['shipment_id'], unique=True, postgresql_where=sa.text("state = 'ACCEPTED'"))
    op.create_index('uq_tenders_one_open_per_carrier', 'tenders', ['shipment_id', 'carrier_id'], unique=True, postgresql_where=sa.text("state in ('QUEUED', 'OFFERED', 'ACCEPTED')"))


def downgrade() -> None:
    op.drop_index('uq_tenders_one_open_per_carrier', table_name='tenders')
    op.drop_index('uq_tenders_one_accepted_per_shipment', table_name='tenders')
    op.create_index('uq_tenders_one_open_per_shipment', 'tenders', ['shipment_id'], unique=True, postgresql_where=sa.text("state in ('QUEUED', 'OFFERED', 'ACCEPTED')"))
    op.drop_column('tenders', 'counter_accepted_at')
    op.drop_column('tenders', 'place')
