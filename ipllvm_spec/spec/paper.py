"""The numbers that the paper prints: data to compare with, never an oracle.

A printed number is kept as the string that was printed, because "36.00" says two decimals and
36.0 does not.
"""

from __future__ import annotations

from pydantic import Field

from ipllvm_spec.spec.entries import BenchmarkEntry, Frozen, ModelEntry


class PrintedCell(Frozen):
    """One cell of Table 1: shuffled visual patch tokens.

    Attributes:
        model: The paper's name of the model.
        benchmark: The paper's name of the benchmark.
        baseline: Intact score as printed, on the benchmark's scale.
        perturbed: Score with shuffled visual tokens as printed.
        delta: Perturbed minus baseline as printed; negative is worse.
    """

    model: str
    benchmark: str
    baseline: str
    perturbed: str
    delta: str


class PrintedAverage(Frozen):
    """The average delta that Table 1 prints for a model."""

    model: str
    delta: str


class Table1(Frozen):
    """Accuracy with shuffled visual patch tokens."""

    condition: str
    runs: int
    cell: tuple[PrintedCell, ...] = Field(min_length=1)
    average: tuple[PrintedAverage, ...]


class SyntheticRow(Frozen):
    """One row of Table 2: original against synthesised images, top scores in percent."""

    model: str
    text_rich: bool
    scale: str
    mmvp_original: str
    mmvp_synthetic: str
    mmvp_delta: str
    mathvista_original: str
    mathvista_synthetic: str
    mathvista_delta: str
    frequency_of_1: str


class Table2(Frozen):
    """Accuracy on synthesised images."""

    clip_i_model: str
    clip_i_mmvp: str
    clip_i_mathvista: str
    row: tuple[SyntheticRow, ...]


class ForgettingCell(Frozen):
    """One cell of Table 3: top-1 accuracy in percent of the encoder and of the LLVM on it."""

    model: str
    encoder: str
    dataset: str
    encoder_top1: str
    llvm_top1: str
    delta: str


class ForgettingAverage(Frozen):
    """The averages that Table 3 prints for a model."""

    model: str
    encoder: str
    encoder_top1: str
    llvm_top1: str
    delta: str


class Footnote(Frozen):
    """The counter-example in the footnote of Table 3: a gain of the LLVM over the encoder."""

    model: str
    encoder: str
    dataset: str
    gain: str


class Table3(Frozen):
    """Zero-shot classification by the encoder and by the LLVM built on it."""

    images_per_dataset: int
    cell: tuple[ForgettingCell, ...]
    average: tuple[ForgettingAverage, ...]
    footnote: Footnote


class Paper(Frozen):
    """Tables 1 to 3 as printed.

    Attributes:
        title: Title and authors.
        table1: Shuffled visual tokens.
        table2: Synthesised images.
        table3: Classification.
    """

    title: str
    table1: Table1
    table2: Table2
    table3: Table3

    def models(self) -> frozenset[str]:
        """Returns the names of the models that any table has."""
        return frozenset(
            [cell.model for cell in self.table1.cell]
            + [row.model for row in self.table2.row]
            + [cell.model for cell in self.table3.cell]
        )

    def printed(self, entry: ModelEntry, benchmark: BenchmarkEntry) -> PrintedCell | None:
        """Returns the cell of Table 1; None when the paper did not measure that model on it."""
        for cell in self.table1.cell:
            if (cell.model, cell.benchmark) == (entry.printed, benchmark.title):
                return cell
        return None

    def printed_average(self, entry: ModelEntry) -> PrintedAverage | None:
        """Returns the average of Table 1; None when the paper did not measure that model."""
        return next((row for row in self.table1.average if row.model == entry.printed), None)
