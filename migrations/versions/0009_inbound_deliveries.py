"""Deliveries that are still to come in

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = '0008'
branch_labels = None
depends_on = None

REASONS = ('COUNT', 'RECEIPT', 'ADJUSTMENT', 'RESERVE', 'RELEASE', 'PICK', 'DELIVER', 'RETURN', 'LOSS', 'TRANSFER')
LEVELS, LEDGER = ('inbound', 'inbound_reserved'), ('inbound_delta', 'inbound_reserved_delta')


def upgrade() -> None:
    for table, names in (('inventory_levels', LEVELS), ('inventory_movements', LEDGER)):
        for name in names:
            op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default='0'))
            op.alter_column(table, name, server_default=None)
    op.create_check_constraint(op.f('ck_inventory_levels_inbound_never_oversold'), 'inventory_levels', 'inbound_reserved between 0 and inbound')
    _reasons(*REASONS, 'EXPECT')
    op.create_table('inbound_deliveries',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reference', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('expected_on', sa.Date(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('reserved', sa.Integer(), nullable=False),
    sa.Column('arrived', sa.Integer(), nullable=False),
    sa.CheckConstraint('reserved between 0 and quantity and arrived >= 0', name=op.f('ck_inbound_deliveries_quantities')),
    sa.ForeignKeyConstraint(['node_id'], ['nodes.id'], name=op.f('fk_inbound_deliveries_node_id_nodes')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound_deliveries')),
    sa.UniqueConstraint('node_id', 'sku', 'reference', name=op.f('uq_inbound_deliveries_node_id_sku_reference'))
    )
    op.create_index(op.f('ix_inbound_deliveries_sku_expected_on'), 'inbound_deliveries', ['sku', 'expected_on'], unique=False, postgresql_where=sa.text('quantity > 0'))


def downgrade() -> None:
    op.drop_table('inbound_deliveries')
    op.execute("delete from inventory_movements where reason = 'EXPECT'")
    _reasons(*REASONS)
    op.drop_constraint(op.f('ck_inventory_levels_inbound_never_oversold'), 'inventory_levels', type_='check')
    for table, names in (('inventory_levels', LEVELS), ('inventory_movements', LEDGER)):
        for name in names:
            op.drop_column(table, name)


def _reasons(*allowed: str) -> None:
    values = ', '.join(f"'{reason}'" for reason in allowed)
    op.drop_constraint(op.f('ck_inventory_movements_movementreason'), 'inventory_movements', type_='check')
    op.create_check_constraint(op.f('ck_inventory_movements_movementreason'), 'inventory_movements', f'reason in ({values})')
