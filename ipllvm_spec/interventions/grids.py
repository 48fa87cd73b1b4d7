"""Cutting an image into cells, and shuffling them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from ipllvm_spec.spec.interventions import GridShuffle
from ipllvm_spec.spec.orders import fresh_order

#: (height, width, 3) of RGB values, 0-255.
Pixels = npt.NDArray[np.uint8]


def rgb(image: Image.Image) -> Pixels:
    """Returns the (height, width, 3) RGB values that a model's processor takes from an image."""
    return np.asarray(image.convert("RGB"))


def cell_sides(side: int, grid: int) -> npt.NDArray[np.int64]:
    """Returns the (grid,) sizes in pixels of the cells along one side of an image.

    They add up to ``side`` and differ by at most one, larger and smaller ones evenly mixed. On a
    side of fewer pixels than cells some are 0.
    """
    return np.diff(np.arange(grid + 1, dtype=np.int64) * side // grid)


def grid_shuffle(step: GridShuffle, image: Image.Image, *, seed: int) -> Image.Image:
    """Cuts the image into equal cells and puts them together in another order.

    Args:
        step: Grid, padding, explicit order if any.
        image: The item's image, in any mode and size.
        seed: Seed of the draw; ignored when ``step.order`` is given.

    Returns:
        RGB image of the size that ``step.padding`` gives; ``image`` itself when no pixel would
        be moved to where another value was.
    """
    cells = step.grid**2
    order = fresh_order(cells, np.random.default_rng(seed)) if step.order is None else step.order
    whole = _divisible(rgb(image), step)
    shuffled = join(cut(whole, step.grid)[np.asarray(order)], step.grid)
    # Otherwise a cropped or padded image would pass for a shuffled one.
    return image if np.array_equal(shuffled, whole) else Image.fromarray(shuffled)


def cut(pixels: Pixels, grid: int) -> Pixels:
    """Returns the (grid * grid, height / grid, width / grid, 3) cells of an image, row by row.

    Args:
        pixels: Both sides divisible by ``grid``.
        grid: Cells along each side.
    """
    height, width, channels = pixels.shape
    rows, columns = height // grid, width // grid
    blocks = pixels.reshape(grid, rows, grid, columns, channels).swapaxes(1, 2)
    return blocks.reshape(grid * grid, rows, columns, channels)


def join(cells: Pixels, grid: int) -> Pixels:
    """Returns the image of which ``cut`` gives these cells."""
    _, rows, columns, channels = cells.shape
    blocks = cells.reshape(grid, grid, rows, columns, channels).swapaxes(1, 2)
    return blocks.reshape(grid * rows, grid * columns, channels)


def _divisible(pixels: Pixels, step: GridShuffle) -> Pixels:
    """Crops or pads both sides to a multiple of the grid."""
    keep: list[slice] = []
    add: list[tuple[int, int]] = []
    for side in pixels.shape[:2]:
        over = side % step.grid
        under = -side % step.grid
        if over and step.padding == "crop" and side > step.grid:
            keep.append(slice(over // 2, side - (over - over // 2)))
            add.append((0, 0))
        else:
            keep.append(slice(None))
            add.append((under // 2, under - under // 2))
    return np.pad(pixels[keep[0], keep[1]], (*add, (0, 0)), mode="reflect")
