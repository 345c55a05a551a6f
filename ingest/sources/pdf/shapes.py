"""What is drawn on a page besides text: ruled lines, bullets, grounds."""

from collections.abc import Iterable
from dataclasses import dataclass

THICKEST = 2.5  # points, of a drawn line
_SHORTEST = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A path that is drawn, by its bounds in points from the upper left corner."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def is_upright(self) -> bool:
        """Whether it is higher than wide."""
        return self.y1 - self.y0 > self.x1 - self.x0

    def parts(self, left: float, right: float, y: float) -> bool:
        """Whether it is drawn between two pieces of text that stand on the same baseline."""
        return left - 1 <= self.x0 <= right + 1 and self.y0 - 2 <= y <= self.y1 + 2


def rules_of(shapes: Iterable[Shape]) -> list[Shape]:
    """Give the straight lines among what is drawn; those that touch end to end are one."""
    shapes = list(shapes)
    level = [s for s in shapes if s.y1 - s.y0 <= THICKEST and s.x1 - s.x0 > THICKEST]
    upright = [s for s in shapes if s.x1 - s.x0 <= THICKEST and s.y1 - s.y0 > THICKEST]
    for box in shapes:  # the border or ground of a cell
        if box.x1 - box.x0 > _SHORTEST and box.y1 - box.y0 > _SHORTEST:
            level += (Shape(x0=box.x0, y0=y, x1=box.x1, y1=y) for y in (box.y0, box.y1))
            upright += (Shape(x0=x, y0=box.y0, x1=x, y1=box.y1) for x in (box.x0, box.x1))
    turned = _connected(Shape(x0=s.y0, y0=s.x0, x1=s.y1, y1=s.x1) for s in upright)
    upright = [Shape(x0=s.y0, y0=s.x0, x1=s.y1, y1=s.x1) for s in turned]
    return [*_connected(level), *(s for s in upright if s.y1 - s.y0 >= _SHORTEST)]


def _connected(level: Iterable[Shape]) -> list[Shape]:
    found: list[Shape] = []
    for shape in sorted(level, key=lambda s: (round(s.y0 / THICKEST), s.x0)):
        last = found[-1] if found else None
        if last is not None and abs(last.y0 - shape.y0) <= THICKEST and shape.x0 <= last.x1 + 3:
            found[-1] = Shape(x0=last.x0, y0=last.y0, x1=max(last.x1, shape.x1), y1=last.y1)
        else:
            found.append(shape)
    return [shape for shape in found if shape.x1 - shape.x0 >= _SHORTEST]
