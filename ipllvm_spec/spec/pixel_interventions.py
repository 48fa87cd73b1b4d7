"""Interventions on the image itself, before the processor sees it, as values.

All of them first convert the image to RGB, as the models' processors do: alpha is dropped, a
palette is looked up, 16-bit values above 255 are white.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from ipllvm_spec.spec.intervention_base import Intervention, Site

Kind = Literal["random", "salient", "non_salient"]
Fill = Literal["zero", "mean", "blur"]
Padding = Literal["crop", "reflect"]
Head = Literal["mean"] | Annotated[int, Field(ge=0)]
Generator = Literal["renderer", "sdxl_lightning", "folder"]


class BlankImage(Intervention):
    """Replaces the image by one of the same size in a single colour: the control for seeing.

    Attributes:
        colour: RGB, each 0-255. Black by default; grey is (127, 127, 127).
    """

    name: ClassVar[str] = "blank_image"
    site: ClassVar[Site] = "pixels"
    colour: tuple[int, int, int] = (0, 0, 0)

    @field_validator("colour")
    @classmethod
    def _in_range(cls, colour: tuple[int, int, int]) -> tuple[int, int, int]:
        if any(not 0 <= channel <= 255 for channel in colour):
            raise ValueError("each channel must lie in 0..255")
        return colour


class MismatchedImage(Intervention):
    """Replaces the image by a seeded other one of the same benchmark: the control for priors.

    Unlike a blank image it looks like those the model was trained on, but says nothing about the
    question. Drawn uniformly from the benchmark's images that differ from the item's own, scaled to
    cover the item's image and cut to its size around the centre, so that an any-resolution model
    makes as many visual tokens of it as before. Not in the paper; its properties say little
    without a control that tells seeing from guessing.
    """

    name: ClassVar[str] = "mismatched_image"
    site: ClassVar[Site] = "pixels"


class SyntheticImage(Intervention):
    """Replaces the image by one that a generator made from its caption: section 3.4, Table 2.

    A model describes the image in words and a generator makes an image of the words alone, so
    what the caption does not say is lost. Nothing is drawn at random: a caption gives one image,
    whatever the item, seed and repeat. Its size is the generator's.

    Attributes:
        captioner: The model that writes the captions, as ``--models`` takes it; None for the one
            that is declared for the data.
        generator: ``renderer`` draws the scenes of the minis' captions, ``sdxl_lightning`` is the
            paper's, ``folder`` takes images that lie ready; None for the one that is declared for
            the data.
        folder: For the generator ``folder``: images named ``BENCHMARK/ITEM.png`` below it, the
            item id percent-encoded as in a URL.
    """

    name: ClassVar[str] = "synthetic_image"
    site: ClassVar[Site] = "pixels"
    # A key has the digests of captioner and generator, so that the default and the same named
    # outright share their answers.
    unkeyed: ClassVar[frozenset[str]] = frozenset({"captioner", "generator", "folder"})
    captioner: str | None = None
    generator: Generator | None = None
    folder: str | None = None

    @model_validator(mode="after")
    def _folder_has_no_captions(self) -> Self:
        if (self.generator == "folder") != (self.folder is not None):
            raise ValueError("the generator 'folder' and a folder go together")
        if self.folder is not None and self.captioner is not None:
            raise ValueError("images of a folder have no captions: leave out captioner")
        return self

    @property
    def needs_synthetic(self) -> bool:
        """Always."""
        return True


class GridShuffle(Intervention):
    """Cuts the image into grid x grid equal cells and puts them together in another order.

    Section 3.3, Figures 2 and 3. The cut is made in the original image, before the processor
    resizes or tiles it. No pixel of the cut cells is lost, doubled or interpolated. An order that
    leaves every pixel in place leaves the image whole too, so cropping alone is never measured.

    Attributes:
        grid: Cells along each side, at least 1. The paper has 2, 4, 8 and 14; with 1 nothing is
            changed, which is the base of its curves and an error when measured.
        padding: What happens to a side that ``grid`` does not divide. ``crop`` cuts the
            remainder off at both ends, the larger half at the end; ``reflect`` adds the reflected
            edge at both ends, up to the next multiple, and the image stays that much larger. A
            side of fewer pixels than cells cannot be cropped and is reflected in both cases.
        order: None draws a fresh permutation per item and repeat, uniform over those that move
            something. Otherwise the grid * grid cells, row by row, are put into this order: cell
            ``j`` gets what was in cell ``order[j]``.
    """

    name: ClassVar[str] = "grid_shuffle"
    site: ClassVar[Site] = "pixels"
    grid: int = Field(ge=1)
    padding: Padding = "crop"
    order: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _orders_all_cells(self) -> Self:
        cells = self.grid**2
        if self.order is not None and sorted(self.order) != list(range(cells)):
            raise ValueError(
                f"order must be a permutation of 0..{cells - 1} for a grid of {self.grid}"
            )
        return self


class PatchDrop(Intervention):
    """Hides patches of the image: the occlusions of section 3.5, Figures 5 and 6.

    The patches are those of a grid x grid grid over the whole original image, numbered row by
    row; their sides differ by at most one pixel and together they cover the image exactly. They
    are hidden before the processor resizes and normalises. Which ones is either given
    (``patches``) or chosen (``kind`` with ``ratio`` or ``count``), never both.

    Attributes:
        kind: ``random``, or by saliency ``salient`` (the most attended first) or ``non_salient``
            (the least attended first). Random choices are nested: for one item and repeat the
            patches hidden at one ratio are among those hidden at any larger one.
        ratio: How much, in [0, 1]: a share of the patches, or of the attention for the selector
            ``mass``.
        count: How many patches, in 0..grid * grid.
        grid: Patches along each side.
        fill: ``zero`` is black before normalisation, ``mean`` the image's mean colour, ``blur``
            the same region of the image under a Gaussian blur whose standard deviation is half
            a patch along each side.
        selector: ``rank`` hides a number of patches, ratio * grid * grid rounded to the nearest,
            halves down so that equal shares up to one half of salient and of non-salient patches
            never overlap. ``mass`` is the rule of the published DINO masks (Naseer et al., 2021):
            the fewest most attended patches that hold about ``ratio`` of all attention are salient
            and the others are not. It hides very different areas from image to image; both
            kinds are exact complements at one ratio; at ratio 1 ``salient`` hides all and
            ``non_salient`` nothing, at ratio 0 the other way round.
        head: Attention heads of the saliency model's last block: their mean, or one of them (the
            published masks use head 1).
        patches: The hidden patches themselves, in any order; kept sorted.
    """

    name: ClassVar[str] = "patch_drop"
    site: ClassVar[Site] = "pixels"
    # Without the strength masks are nested; without the fill, fills are compared on one mask.
    undrawn: ClassVar[frozenset[str]] = frozenset({"ratio", "count", "fill"})
    kind: Kind | None = None
    ratio: float | None = Field(default=None, ge=0, le=1)
    count: int | None = Field(default=None, ge=0)
    grid: int = Field(default=14, ge=1)
    fill: Fill = "zero"
    selector: Literal["rank", "mass"] = "rank"
    head: Head = "mean"
    patches: tuple[int, ...] | None = None

    @field_validator("patches")
    @classmethod
    def _sorted_once(cls, patches: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if patches is None:
            return None
        if len(set(patches)) < len(patches):
            raise ValueError("each patch is named once")
        return tuple(sorted(patches))

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        total = self.grid**2
        if (self.kind is None) == (self.patches is None):
            raise ValueError("give either kind, with ratio or count, or patches")
        if self.patches is not None:
            if self.ratio is not None or self.count is not None:
                raise ValueError("patches say how many are hidden: leave out ratio and count")
            if self.patches and not 0 <= self.patches[0] <= self.patches[-1] < total:
                raise ValueError(f"patches lie in 0..{total - 1} for a grid of {self.grid}")
        elif (self.ratio is None) == (self.count is None):
            raise ValueError("give either ratio or count")
        if self.count is not None and self.count > total:
            raise ValueError(f"a grid of {self.grid} has {total} patches, not {self.count}")
        if self.selector == "mass" and self.ratio is None:
            raise ValueError("the selector 'mass' takes a ratio of the attention")
        if not self.needs_saliency and (self.selector, self.head) != ("rank", "mean"):
            raise ValueError(
                "selector and head choose by saliency: use kind salient or non_salient"
            )
        return self

    @property
    def needs_saliency(self) -> bool:
        """Whether a saliency map decides which patches are hidden."""
        return self.kind in ("salient", "non_salient")

    def dropped(self) -> int:
        """Returns how many patches the selector ``rank``, or ``patches``, hides.

        Raises:
            ValueError: For the selector ``mass``, where the image decides.
        """
        if self.patches is not None:
            return len(self.patches)
        if self.count is not None:
            return self.count
        if self.ratio is None or self.selector == "mass":
            raise ValueError("how many patches hold a share of the attention depends on the image")
        # Rounded before it is compared, since 0.29 * 100 is 28.999999999999996.
        return math.ceil(round(self.ratio * self.grid**2, 9) - 0.5)
