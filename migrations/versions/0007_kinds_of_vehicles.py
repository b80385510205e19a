"""Kinds of vehicles

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), server_default='van', nullable=False)
    op.add_column('vehicles', kind)
    op.alter_column('vehicles', 'kind', server_default=None)


def downgrade() -> None:
    op.drop_column('vehicles', 'kind')
