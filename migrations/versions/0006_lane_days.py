"""Lane days, and the carrier's price of an allocation

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('lane_days',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('date', sa.Date(), nullable=False),
    sa.Column('carrier_id', sa.Uuid(), nullable=False),
    sa.Column('lane', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('deliveries', sa.Integer(), nullable=False),
    sa.Column('in_time', sa.Integer(), nullable=False),
    sa.Column('late_seconds', sa.Float(), nullable=False),
    sa.Column('late_seconds_squared', sa.Float(), nullable=False),
    sa.CheckConstraint('deliveries > 0 and in_time between 0 and deliveries', name=op.f('ck_lane_days_counts')),
    sa.ForeignKeyConstraint(['carrier_id'], ['carriers.id'], name=op.f('fk_lane_days_carrier_id_carriers')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lane_days')),
    sa.UniqueConstraint('date', 'carrier_id', 'lane', name=op.f('uq_lane_days_date_carrier_id_lane'))
    )
    op.create_index(op.f('ix_lane_days_carrier_id'), 'lane_days', ['carrier_id'], unique=False)
    op.add_column('allocations', sa.Column('price_minor', sa.Integer(), server_default=sa.text('0'), nullable=False))
    op.execute("update allocations set price_minor = cost_minor")


def downgrade() -> None:
    op.drop_column('allocations', 'price_minor')
    op.drop_index(op.f('ix_lane_days_carrier_id'), table_name='lane_days')
    op.drop_table('lane_days')
