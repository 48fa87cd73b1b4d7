"""Which figures and tables can be redrawn, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from ipllvm_spec.errors import unknown_name
from ipllvm_spec.reporting.paper_figures.curves import grid_curves, occlusion_curves
from ipllvm_spec.reporting.paper_figures.drawing import Drawing
from ipllvm_spec.reporting.paper_figures.maps import loss_maps
from ipllvm_spec.reporting.paper_figures.plan import Sources
from ipllvm_spec.reporting.paper_figures.strips import occluded_images, shuffled_images
from ipllvm_spec.reporting.paper_figures.synthetic import synthetic_table

#: In the paper's order. A name is also that of its files.
DRAWERS: Mapping[str, Callable[[Sources], Drawing]] = MappingProxyType(
    {
        "figure1": loss_maps,
        "figure2": grid_curves,
        "figure3": shuffled_images,
        "figure5": occluded_images,
        "figure6": occlusion_curves,
        "table2": synthetic_table,
    }
)


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names that a user means: ``2`` is ``figure2``, and nothing is all.

    Raises:
        UnknownNameError: For a name that nothing is drawn for.
    """
    found = []
    for name in names or DRAWERS:
        full = f"figure{name}" if name.isdigit() else name.lower()
        if full not in DRAWERS:
            raise unknown_name("figure", name, DRAWERS)
        found.append(full)
    return tuple(dict.fromkeys(found))
