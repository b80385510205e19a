"""Solves one part of a routing problem, and leaves the answer for the job that it is a part of.

Whoever calls has taken a slot. The part says how long to search and from which seed, so that its answer is the same on
any machine where iterations end the search.
"""

from app.jobs import sealing, solving
from app.jobs.tools import Tools
from app.models import Job
from app.models.base import Json
from app.orchestration.jobs import parts


async def handle(job: Job, tools: Tools) -> Json:
    """Answers how large the part was and how its search went."""
    key = tools.settings.secret_key.get_secret_value()
    async with tools.database.reading() as session:
        request = await parts.request_of(session, job.id)
    if request is None:
        return {}  # nobody waits for it any more
    task: solving.RoutingTask = sealing.unseal(request, key=key)
    solution = await solving.search(task, asked=tools.asked, report=tools.report)
    async with tools.database.transaction() as session:
        await parts.answer(session, job.id, found=sealing.seal(solution, key=key))
    quality = solution.quality
    return {"stops": len(task.problem.visits), "seconds": round(quality.seconds, 3), "iterations": quality.iterations}
