"""Where routes reload and rest

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('routes', sa.Column('pauses', postgresql.JSONB(), server_default='[]', nullable=False))
    op.alter_column('routes', 'pauses', server_default=None)


def downgrade() -> None:
    op.drop_column('routes', 'pauses')
