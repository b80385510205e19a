"""The allocation engine: greedy and prices first, then an exact search by OR-Tools' CP-SAT as long as the rule allows.

There is always an answer: where time ends before the search has found any, it is the greedy one, with the
prices' bound. The rule's seconds are the search's; the quick answers before it take their own time, about a
second for 1,000 orders of 20 options.
"""

from collections.abc import Mapping

from ortools.sat.python import cp_model

from app.solvers.allocation.explanation import Explanation
from app.solvers.allocation.greedy import Chosen, allocate, improved, worthwhile
from app.solvers.allocation.prices import Prices, find_prices
from app.solvers.allocation.problem import AllocationProblem, Option
from app.solvers.allocation.resources_left import uses_of
from app.solvers.allocation.solution import AllocationQuality, AllocationSolution
from app.solvers.allocation.validation import require_valid
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.stopping import StoppingRule

# Prices are floating point; costs are whole numbers.
TOLERANCE = 1e-6
ANSWERED = (cp_model.OPTIMAL, cp_model.FEASIBLE)


def solve(
    problem: AllocationProblem, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> AllocationSolution:
    """The cheapest allocation found within the rule. Refuses a problem that contradicts itself."""
    require_valid(problem)
    on_progress(Progress(fraction=0.0, message=f"Allocating {len(problem.orders)} orders, the most urgent first."))
    start, prices = _start(problem)
    on_progress(Progress(fraction=0.1, message=f"{len(start)} orders have a first answer; searching for a better one."))
    chosen, quality = _Model(problem, start, prices).search(stop, seed)
    best = min(start, improved(problem, chosen), key=lambda answer: _objective(problem, answer))
    on_progress(Progress(fraction=0.95, message="Explaining the choices."))
    return _solution(problem, best, quality, prices)


def _start(problem: AllocationProblem) -> tuple[Chosen, Prices]:
    """The better of two quick answers, with costs as they are and with the limits priced; and those prices."""
    plain = allocate(problem)
    prices = find_prices(problem, _objective(problem, plain))
    answers = (plain, allocate(problem, prices.by_resource))
    return min(answers, key=lambda answer: _objective(problem, answer)), prices


def _objective(problem: AllocationProblem, chosen: Mapping[str, Option]) -> int:
    return sum(chosen[order.id].cost if order.id in chosen else order.unallocated_penalty for order in problem.orders)


def _solution(
    problem: AllocationProblem, chosen: Chosen, quality: AllocationQuality, prices: Prices
) -> AllocationSolution:
    explanation = Explanation(problem, chosen)
    return AllocationSolution(
        choices=tuple(explanation.choice(order, chosen[order.id]) for order in problem.orders if order.id in chosen),
        unallocated=tuple(explanation.unallocated(order) for order in problem.orders if order.id not in chosen),
        cost=sum(option.cost for option in chosen.values()),
        objective=_objective(problem, chosen),
        quality=quality,
        prices={id: price for id, price in prices.by_resource.items() if price > 0},
    )


class _Model:
    """One yes-or-no variable per option that a better answer could hold, and only the limits that could bind."""

    def __init__(self, problem: AllocationProblem, start: Chosen, prices: Prices) -> None:
        self.problem = problem
        self.prices = prices
        # An option further above its order's best than this leads to nothing better than the start.
        self.room = _objective(problem, start) - prices.bound + TOLERANCE
        self.model = cp_model.CpModel()
        self.options: list[tuple[str, Option]] = []
        self.variables: list[cp_model.IntVar] = []
        self.gains: list[int] = []
        self.demands: dict[str, list[tuple[int, int]]] = {}
        for order in problem.orders:
            present = start.get(order.id)
            options = [option for option in worthwhile(order) if self._is_open(order.id, option, present)]
            self._add_order(order.id, options, order.unallocated_penalty, present)
        self._add_limits()
        # Minimising cost minus penalty is the objective less the sum of all penalties.
        self.model.minimize(cp_model.LinearExpr.weighted_sum(self.variables, self.gains))

    def _is_open(self, order_id: str, option: Option, present: Option | None) -> bool:
        return self.prices.excess[order_id, option.id] <= self.room or (present is not None and option.id == present.id)

    def _add_order(self, order_id: str, options: list[Option], penalty: int, start: Option | None) -> None:
        own = []
        for option in options:
            variable = self.model.new_bool_var("")
            self.model.add_hint(variable, start is not None and start.id == option.id)
            for id, amount in uses_of(option).items():
                self.demands.setdefault(id, []).append((len(self.variables), amount))
            self.options.append((order_id, option))
            self.variables.append(variable)
            self.gains.append(option.cost - penalty)
            own.append(variable)
        if own:
            self.model.add_at_most_one(own)

    def _add_limits(self) -> None:
        for resource in self.problem.resources:
            demands = self.demands.get(resource.id, [])
            if sum(amount for _, amount in demands) > resource.capacity:
                terms = [self.variables[number] for number, _ in demands]
                weights = [amount for _, amount in demands]
                self.model.add(cp_model.LinearExpr.weighted_sum(terms, weights) <= resource.capacity)

    def search(self, stop: StoppingRule, seed: int) -> tuple[Chosen, AllocationQuality]:
        """What CP-SAT found, nothing where time was too short, and how good it is."""
        solver = cp_model.CpSolver()
        solver.parameters.random_seed = seed
        solver.parameters.num_workers = stop.threads
        solver.parameters.relative_gap_limit = stop.relative_gap
        if stop.seconds is not None:
            solver.parameters.max_time_in_seconds = stop.seconds
        if stop.iterations is not None:
            # Deterministic time, about a second each on one core: the same work on every machine.
            solver.parameters.max_deterministic_time = float(stop.iterations)
        status = solver.solve(self.model)
        is_answered = status in ANSWERED
        penalties = sum(order.unallocated_penalty for order in self.problem.orders)
        quality = AllocationQuality(
            solver="ortools-cp-sat",
            seconds=solver.wall_time,
            iterations=solver.num_branches,
            bound=max(self.prices.bound, penalties + solver.best_objective_bound if is_answered else 0.0),
            is_optimal=status == cp_model.OPTIMAL and stop.relative_gap == 0,
        )
        if not is_answered:
            return {}, quality
        pairs = zip(self.options, self.variables, strict=True)
        return {id: option for (id, option), variable in pairs if solver.boolean_value(variable)}, quality
