"""Holds in parts, made of signed offers

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing has written a hold before this revision.
    op.drop_index(op.f("ix_holds_carrier_id"), table_name="holds")
    op.drop_index(op.f("ix_holds_node_id"), table_name="holds")
    for name in ("node_id", "carrier_id", "service", "lines"):
        op.drop_column("holds", name)
    op.add_column("holds", sa.Column("offer_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False))
    op.add_column("holds", sa.Column("basket", postgresql.JSONB(astext_type=sa.Text()), nullable=False))
    op.create_index(
        "uq_holds_one_per_offer",
        "holds",
        ["offer_key"],
        unique=True,
        postgresql_where=sa.text("state in ('HELD', 'CONFIRMED')"),
    )
    op.create_table(
        "hold_parts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("service", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("capacity_date", sa.Date(), nullable=False),
        sa.Column("quantities", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cost_minor", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("decision", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name=op.f("fk_hold_parts_carrier_id_carriers")),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_hold_parts_hold_id_holds")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_hold_parts_node_id_nodes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_parts")),
    )
    for name in ("carrier_id", "hold_id", "node_id"):
        op.create_index(op.f(f"ix_hold_parts_{name}"), "hold_parts", [name], unique=False)


def downgrade() -> None:
    op.drop_table("hold_parts")
    op.drop_index("uq_holds_one_per_offer", table_name="holds")
    op.execute("delete from holds")
    op.drop_column("holds", "basket")
    op.drop_column("holds", "offer_key")
    op.add_column("holds", sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False))
    op.add_column("holds", sa.Column("service", sqlmodel.sql.sqltypes.AutoString(), nullable=False))
    for name, table in (("carrier_id", "carriers"), ("node_id", "nodes")):
        op.add_column("holds", sa.Column(name, sa.Uuid(), nullable=False))
        op.create_foreign_key(op.f(f"fk_holds_{name}_{table}"), "holds", table, [name], ["id"])
        op.create_index(op.f(f"ix_holds_{name}"), "holds", [name], unique=False)
