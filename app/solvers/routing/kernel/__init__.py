"""Ruin and recreate in machine code: the inner search of the routing engine. Plain arrays in, plain arrays out.

    data = KernelData(distances=..., durations=..., demands=..., kinds=VehicleKinds(counts=..., ...), opens=..., ...)
    answer = improve(data, Plan.of(routes, kinds), seed=1, start_temperature=30.0, end_temperature=0.3,
                     iterations=100_000)                  # or how_far=lambda: spent / budget, asked often
    answer.plan.routes(), answer.plan.kinds, answer.cost  # cost with the penalties of those on no route

Visit i is row i of the matrices; start and end places are the rows behind the visits. The plan given may be empty
(`Plan.of([])`); visits on none of its routes are inserted first. It releases the interpreter's lock: threads run side
by side. Knows no orders and no problem dataclasses; leaves out splitting a problem up, which is the engine's.
"""

from app.solvers.routing.kernel.layout import FAR, KernelData, RouteRules, VehicleKinds
from app.solvers.routing.kernel.search import Improved, improve
from app.solvers.routing.kernel.starting import Plan

__all__ = ["FAR", "Improved", "KernelData", "Plan", "RouteRules", "VehicleKinds", "improve"]
