"""Scores all over again from the stored raw answers: no model, no engine, no torch.

A store keeps what models said, never a score. After a change of a parser or a scorer this gives
every metric anew, and says which numbers of the last run's records it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ipllvm_spec.benchmarks.base import Benchmark, Item, ItemScore, Parsed, Unit
from ipllvm_spec.benchmarks.judging import usable
from ipllvm_spec.engine.keys import judge_key
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import UsageError, unknown_name
from ipllvm_spec.measures.accuracy import published_metric
from ipllvm_spec.verdicts.rescore_cells import CellScore, Scored, StoredCell, stored_cells
from ipllvm_spec.verdicts.rescore_data import Finder
from ipllvm_spec.verdicts.scorer import UNREADABLE

_UNUSABLE = ItemScore(0.0, Parsed(None, UNREADABLE), source="judge", excluded=True)


def rescore(
    store: Path, finder: Finder, *, judge: str | None = None, proxy: bool = False
) -> tuple[Scored, ...]:
    """Scores every cell of a store that has answers.

    Args:
        store: The store's file.
        finder: Finds the data.
        judge: The judge whose stored replies count; None for the only one.
        proxy: Whether a rule takes the place of every judge.

    Returns:
        Sorted by model, benchmark, mode, intervention and repeat. A cell whose data were not
        found has a note and no metric.

    Raises:
        StoreError: When there is no store, or it is damaged.
        UnknownNameError: When the judge gave none of the stored replies.
        UsageError: When several judges did and none is chosen.
    """
    opened = Store(store, create=False)
    try:
        scorer = CellScorer(opened, finder, judge=chosen_judge(opened.judges(), judge), proxy=proxy)
        found = [scorer.score(cell) for cell in stored_cells(opened)]
    finally:
        opened.close()
    return tuple(sorted((one for one in found if one is not None), key=_place))


def metric_of(units: Sequence[Unit], scores: Sequence[Sequence[float]], scale: float) -> float:
    """Returns the published metric of some units, mean over repeats.

    Args:
        units: The units; at least one.
        scores: Their scores, one sequence per repeat.
        scale: Largest value of the metric.
    """
    weights = np.array([unit.weight for unit in units])
    return published_metric(np.array(scores, dtype=np.float64), weights=weights, scale=scale)


def _place(scored: Scored) -> tuple[Any, ...]:
    cell = scored.cell
    return (cell.model, cell.benchmark, cell.mode, cell.intervention, cell.repeat, cell.key)


def chosen_judge(known: Sequence[str], judge: str | None) -> str:
    """Returns the judge whose replies count, "" when there are no replies."""
    if judge is not None:
        if judge not in known:
            raise unknown_name("judge in this store", judge, known)
        return judge
    if len(known) > 1:
        raise UsageError(
            f"the store holds replies of {len(known)} judges: {', '.join(known)}",
            "choose one with --judge-model: ratings of two judges are not comparable",
        )
    return known[0] if known else ""


class CellScorer:
    """Scores the cells of one store."""

    def __init__(self, store: Store, finder: Finder, *, judge: str, proxy: bool) -> None:
        self._store = store
        self._finder = finder
        self._judge = judge
        self._proxy = proxy

    def score(self, cell: StoredCell) -> Scored | None:
        """Scores a cell; None when it has no answer, or none to the benchmark's questions."""
        if "asked" in cell.description:
            return None
        rows = self._store.fetch(
            "SELECT item_id, content, text FROM results WHERE cell_key = ? AND status = 'ok'",
            (cell.key,),
        )
        if not rows:
            return None
        found = self._finder.find(
            cell.benchmark,
            cell.mode,
            content=cell.content,
            revision=cell.revision,
            asked={item_id: content for item_id, content, _ in rows},
        )
        about: dict[str, Any] = {
            "cell_key": cell.key,
            "model": cell.model,
            "benchmark": cell.benchmark,
            "mode": cell.mode,
            "intervention": cell.intervention,
            "repeat": cell.repeat,
            "searched": cell.searched,
        }
        if isinstance(found, str):
            return Scored(cell, CellScore(**about, source="", note=found))
        texts = {item_id: text for item_id, _, text in rows}
        asked = [unit for unit in found.units if all(i.item_id in texts for i in unit.items)]
        # As in a run: a twin without a judge is scored by rule unasked.
        ruled = self._proxy or (found.source == "twin" and not self._judge)
        items = [item for unit in asked for item in unit.items]
        scores = self._scores(found.benchmark, items, texts, ruled=ruled)
        judged = [unit for unit in asked if all(i.item_id in scores for i in unit.items)]
        of_unit = {unit.unit_id: [scores[i.item_id] for i in unit.items] for unit in judged}
        whole = [u for u in judged if not any(score.excluded for score in of_unit[u.unit_id])]
        values: dict[str, float | None] = {unit.unit_id: None for unit in judged}
        values |= {u.unit_id: found.benchmark.score_unit(u, of_unit[u.unit_id]) for u in whole}
        return Scored(
            cell,
            CellScore(
                **about,
                source=found.source,
                n_total=len(found.units),
                scale=found.benchmark.scale,
                excluded=len(judged) - len(whole),
                unjudged=len(asked) - len(judged),
                note=found.note,
                **self._summary(found.benchmark, whole, [of_unit[u.unit_id] for u in whole]),
            ),
            found,
            values,
        )

    def _summary(
        self, benchmark: Benchmark, units: Sequence[Unit], scores: Sequence[list[ItemScore]]
    ) -> dict[str, Any]:
        if not units:
            return {}
        values = [benchmark.score_unit(u, s) for u, s in zip(units, scores, strict=True)]
        flat = [score for made in scores for score in made]
        sources = {score.source for score in flat}
        # Beside a judge a rule decides only what the benchmark never asks a judge about.
        named = [f"judge {self._judge}"] if "judge" in sources else sorted(sources)
        return {
            "n": len(units),
            "metric": metric_of(units, [values], benchmark.scale),
            "unparsed": sum(score.parsed.value is None for score in flat),
            "scored_by": " + ".join(named),
            "parts": benchmark.parts(units, scores),
        }

    def _scores(
        self,
        benchmark: Benchmark,
        items: Sequence[Item],
        texts: Mapping[str, str],
        *,
        ruled: bool,
    ) -> dict[str, ItemScore]:
        """Returns the scores by item id, without those that only a judge could tell.

        As in a run: a proxy never meets a judge, and where a benchmark asks no judge about an
        answer its rule is no proxy.
        """
        if benchmark.judge == "no" or ruled:
            return {i.item_id: benchmark.score_item(i, texts[i.item_id]) for i in items}
        made = {i.item_id: benchmark.judge_call(i, texts[i.item_id]) for i in items}
        calls = {item_id: call for item_id, call in made.items() if call is not None}
        keys = {item_id: judge_key(self._judge, call) for item_id, call in calls.items()}
        replies = self._store.judgements(keys.values())
        if benchmark.judge == "required" and not replies:
            return {}
        scores = {}
        for item in items:
            text, key = texts[item.item_id], keys.get(item.item_id, "")
            if key in replies:
                reply = replies[key].reply
                # The reader of today decides, not the one that asked again or gave up.
                readable = usable(calls[item.item_id].reads, reply)
                scores[item.item_id] = (
                    benchmark.score_reply(item, text, reply) if readable else _UNUSABLE
                )
            elif not key or benchmark.judge == "optional":
                scores[item.item_id] = replace(benchmark.score_item(item, text), source="rule")
        return scores
