"""A plan as two pictures in one file: its routes on a map, and the planned day of each van. Plain data in, PNG out.

Leaves out where the data come from (pictures.py) and reading road extracts (base_map.py).
"""

import io

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from app.orchestration.plans.day_panel import FONT, draw_day, legend_of
from app.orchestration.plans.drawn import INK, DrawnPlan
from app.orchestration.plans.map_panel import draw_map, frame_of, marks_of

WIDTH_INCHES, DOTS_AN_INCH = 12.0, 110
ROW_INCHES, MOST_ROWS_INCHES = 0.27, 30.0
# Around the panels: the title above, the legends between, the times below; the vans' names to the left.
SIDE, TITLE, BETWEEN, BELOW, NAMES = 0.15, 0.75, 0.75, 0.6, 1.9
INCHES_A_LETTER = 0.073


def draw(plan: DrawnPlan) -> bytes:
    """The PNG: the map above, over the whole width, and the day below."""
    frame = frame_of(plan)
    across = WIDTH_INCHES - 2 * SIDE
    high, rows = across * frame.height, min(MOST_ROWS_INCHES, ROW_INCHES * max(2, len(plan.routes)))
    total = TITLE + high + BETWEEN + rows + BELOW
    figure = Figure(figsize=(WIDTH_INCHES, total), dpi=DOTS_AN_INCH)
    names = min(0.35 * across, max([NAMES, *(INCHES_A_LETTER * (len(route.name) + 6) for route in plan.routes)]))

    def box(left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        return left / WIDTH_INCHES, bottom / total, width / WIDTH_INCHES, height / total

    above = figure.add_axes(box(SIDE, BELOW + rows + BETWEEN, across, high))
    below = figure.add_axes(box(SIDE + names, BELOW, across - names - 0.1, rows))
    figure.text(SIDE / WIDTH_INCHES, 1 - 0.3 / total, plan.title, fontsize=15, fontweight="bold", color=INK)
    figure.text(SIDE / WIDTH_INCHES, 1 - 0.58 / total, plan.figures, fontsize=11, color=INK)
    draw_map(above, plan, frame)
    draw_day(below, plan)
    legends: list[list[Line2D | Patch]] = [[*marks_of(plan)], legend_of(plan)]
    for number, handles in enumerate(legends, start=1):
        figure.legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(SIDE / WIDTH_INCHES, (BELOW + rows + BETWEEN * (1 - number * 0.32)) / total),
            ncols=len(handles),
            fontsize=FONT,
            frameon=False,
            columnspacing=1.4,
        )
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()
