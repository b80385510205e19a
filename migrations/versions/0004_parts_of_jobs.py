"""Parts of jobs, and asking a job to stop

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('jobs', sa.Column('parent_id', sa.Uuid(), nullable=True))
    op.add_column('jobs', sa.Column('stop_asked_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f('ix_jobs_parent_id'), 'jobs', ['parent_id'], unique=False)
    op.create_foreign_key(op.f('fk_jobs_parent_id_jobs'), 'jobs', 'jobs', ['parent_id'], ['id'])
    op.drop_constraint(op.f('ck_jobs_jobkind'), 'jobs', type_='check')
    op.create_check_constraint(op.f('ck_jobs_jobkind'), 'jobs', "kind in ('ALLOCATE_ORDERS', 'PLAN_ROUTES', 'SOLVE_PART')")
    op.create_table('solver_parts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('job_id', sa.Uuid(), nullable=False),
    sa.Column('request', sa.LargeBinary(), nullable=False),
    sa.Column('answer', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_solver_parts_job_id_jobs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_solver_parts')),
    sa.UniqueConstraint('job_id', name=op.f('uq_solver_parts_job_id'))
    )


def downgrade() -> None:
    op.drop_table('solver_parts')
    op.execute("delete from jobs where kind = 'SOLVE_PART'")
    op.drop_constraint(op.f('ck_jobs_jobkind'), 'jobs', type_='check')
    op.create_check_constraint(op.f('ck_jobs_jobkind'), 'jobs', "kind in ('ALLOCATE_ORDERS', 'PLAN_ROUTES')")
    op.drop_constraint(op.f('fk_jobs_parent_id_jobs'), 'jobs', type_='foreignkey')
    op.drop_index(op.f('ix_jobs_parent_id'), table_name='jobs')
    op.drop_column('jobs', 'stop_asked_at')
    op.drop_column('jobs', 'parent_id')
