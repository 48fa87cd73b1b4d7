"""Packs several questions about one scene behind one copy of its visual tokens.

A row is a prefix (the scene) followed by k segments (the questions) of equal padded length. A
segment attends to the prefix and to itself only and takes the positions it would have alone, so a
packed row trains exactly what k separate prompts would, at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AttentionInterface

from ipllvm_spec.mini.questions.formats import LETTERS, Question
from ipllvm_spec.mini.recipe.chats import STYLES
from ipllvm_spec.mini.recipe.tokens import token_id

CAPTION_WEIGHT = 0.25
"""Weight of a caption token against one of a short answer, which would drown otherwise."""
ATTENTION = "packed_segments"


class Layout(NamedTuple):
    """Shape of a packed row: prefix length, number of segments, padded length of a segment.

    The decoder sees the tokens alone, one after the other; `kept` says where each lies in the
    padded table, flattened. Only the attention unfolds it; everything else, most of a small
    decoder's time, is spent on tokens and not on padding.
    """

    prefix: int
    segments: int
    length: int
    rows: int
    kept: torch.Tensor

    @property
    def width(self) -> int:
        """Places of a padded row."""
        return self.prefix + self.segments * self.length

    def unfold(self, flat: torch.Tensor) -> torch.Tensor:
        """Lays (1, tokens, ...) out as (rows, width, ...), with zeros where nothing is."""
        empty = flat.new_zeros(self.rows * self.width, *flat.shape[2:])
        full = empty.index_copy(0, self.kept, flat[0])
        return full.view(self.rows, self.width, *flat.shape[2:])

    def fold(self, table: torch.Tensor) -> torch.Tensor:
        """The inverse: (rows, width, ...) to (1, tokens, ...)."""
        return table.flatten(0, 1).index_select(0, self.kept)[None]


@dataclass(frozen=True)
class Batch:
    """A packed batch.

    Attributes:
        ids: (b, prefix + count * length) token ids; 0 in visual slots and padding.
        first_slot: position of the first visual slot.
        positions: (1, s) rotary positions.
        layout: of every row.
        rows, cols: places whose next token is an answer token.
        targets: that next token.
        weights: loss weight of each target.
        firsts: whether a target is the first token of its answer.
        told_rows, told_cols: the last token of each question proper, once for each token of what
            one must know to answer it.
        told: that token.
        option_rows, option_cols: the last token of each option of the multiple-choice questions.
        option_right: whether that option is the answer.
        second: of a family with a second entrance of the image, what each row asks there, as ids.
    """

    ids: torch.Tensor
    first_slot: int
    positions: torch.Tensor
    layout: Layout
    rows: torch.Tensor
    cols: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    firsts: torch.Tensor
    told_rows: torch.Tensor
    told_cols: torch.Tensor
    told_ends: torch.Tensor
    told: torch.Tensor
    option_rows: torch.Tensor
    option_cols: torch.Tensor
    option_right: torch.Tensor
    second: tuple[torch.Tensor, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """The batch with its tensors on a device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), torch.Tensor)
        }
        layout = self.layout._replace(kept=self.layout.kept.to(device))
        return replace(self, layout=layout, **moved)


def option_ends(question: Question) -> list[int]:
    """Where in the prompt the last character of each option stands."""
    ends, at = [], 0
    for letter, option in zip(LETTERS, question.options, strict=False):
        for mark in (f"{letter}: {option}", f"{letter}. {option}", f"({letter}) {option}"):
            found = question.prompt.find(mark, at)
            if found >= 0:
                at = found + len(mark)
                ends.append(at - 1)
                break
    return ends


def _token_at(encoding: Any, char: int) -> int:
    """The token that holds a character of an encoded text.

    Raises:
        ValueError: No token holds it.
    """
    token = encoding.char_to_token(char)
    if token is None:
        raise ValueError(f"no token holds character {char}")
    return int(token)


def _attend(scores: torch.Tensor, values: torch.Tensor, *, causal_from: int) -> torch.Tensor:
    """Softmax over the last axis, causal from key `causal_from` on, times the values."""
    n = scores.shape[-2]
    future = torch.ones(n, n, dtype=torch.bool, device=scores.device).triu(1)
    bias = torch.zeros(n, scores.shape[-1], device=scores.device)
    bias[:, causal_from:].masked_fill_(future, -1e9)
    weights = torch.softmax(scores + bias.to(scores.dtype), dim=-1)
    return weights @ values


def packed_attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    scaling: float,
    layout: Layout,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of packed rows; heads are (1, h, tokens, d)."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    key, value = key.to(query.dtype), value.to(query.dtype)
    query = query * scaling
    query, key, value = (
        layout.unfold(x.transpose(1, 2)).transpose(1, 2) for x in (query, key, value)
    )
    b, h, _s, d = query.shape
    p, k, n = layout.prefix, layout.segments, layout.length

    def split(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:, :, :p], x[:, :, p:].reshape(b, h, k, n, d)

    (qp, qs), (kp, ks), (vp, vs) = split(query), split(key), split(value)
    head = _attend(qp @ kp.transpose(-1, -2), vp, causal_from=0)
    far = (qs.reshape(b, h, k * n, d) @ kp.transpose(-1, -2)).reshape(b, h, k, n, p)
    future = torch.ones(n, n, dtype=torch.bool, device=query.device).triu(1)
    close = (qs @ ks.transpose(-1, -2)).masked_fill(future, -1e9)
    weights = torch.softmax(torch.cat([far, close], dim=-1), dim=-1)
    tail = (weights[..., :p].reshape(b, h, k * n, p) @ vp).reshape(b, h, k, n, d)
    tail = tail + weights[..., p:] @ vs
    out = torch.cat([head, tail.reshape(b, h, k * n, d)], dim=2)
    return layout.fold(out.transpose(1, 2)), None


AttentionInterface.register(ATTENTION, packed_attention)


class Packer:
    """Turns questions into packed batches for one chat style (see ``chats.STYLES``)."""

    def __init__(self, backend: Tokenizer, *, style: str) -> None:
        self._backend = backend
        self._style = STYLES[style]
        self._stop = token_id(backend, self._style.stop)
        self._start = [token_id(backend, token) for token in self._style.start]
        self._head_ids = self._start + self.encode(self._style.head)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text without special tokens added."""
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def arrange(
        self, index: list[int], rows: list[list[Question]], *, most: int | None = None
    ) -> tuple[list[int], list[list[Question]]]:
        """Lays drawn questions out in rows; here as they were drawn.

        Args:
            index: The scene of each row.
            rows: Its questions.
            most: Questions to keep a scene where each needs a row of its own; all if None.
        """
        del most
        return index, rows

    def pack(
        self, rows: Sequence[Sequence[Question]], *, slots: int, texts: Sequence[str] = ()
    ) -> Batch:
        """Packs a batch; every row has the same number of questions.

        Args:
            rows: the questions of each row.
            slots: visual slots in each row.
            texts: for each row what stands in the place of the image, when there is none. It
                goes into every segment, because prefixes must be equally long.
        """
        flat = [q for row in rows for q in row]
        count = len(rows[0])
        # terse facts end like a prompt does, with a colon, but without naming the assistant
        tails = [":" if q.label.endswith("/terse") else self._style.tail for q in flat]
        gap = "\n" if texts else self._style.gap
        asks = [f"{gap}{q.prompt}{tail}" for q, tail in zip(flat, tails, strict=True)]
        prefix = [*self._head_ids, *[0] * slots]
        if texts:
            head = self._style.head
            asks = [f"{head}{texts[i // count]}{ask}" for i, ask in enumerate(asks)]
            prefix = self._start
        says, known = [q.answer for q in flat], [q.told for q in flat]
        ids = self._backend.encode_batch(asks + says + known, add_special_tokens=False)
        pieces = [(ids[i].ids, [*ids[len(flat) + i].ids, self._stop]) for i in range(len(flat))]
        length = max(len(a) + len(b) for a, b in pieces)
        kept = np.zeros((len(rows), len(prefix) + count * length), dtype=np.bool_)
        kept[:, : len(prefix)] = True
        table = np.zeros((len(rows), len(prefix) + count * length), dtype=np.int64)
        table[:, : len(prefix)] = prefix
        picks: list[tuple[int, int, int]] = []
        told: list[tuple[int, int, int, int]] = []
        weights: list[float] = []
        firsts: list[bool] = []
        marks: list[tuple[int, int, bool]] = []
        for i, (ask, say) in enumerate(pieces):
            row, at = i // count, len(prefix) + (i % count) * length
            table[row, at : at + len(ask) + len(say)] = [*ask, *say]
            kept[row, at : at + len(ask) + len(say)] = True
            first = at + len(ask) - 1
            picks += [(row, first + j, token) for j, token in enumerate(say)]
            caption = flat[i].label.endswith("caption")
            weights += [CAPTION_WEIGHT if caption else 1.0] * len(say)
            firsts += [True] + [False] * (len(say) - 1)
            # the prompt begins after what precedes it in the segment
            shift = asks[i].rindex(f"{gap}{flat[i].prompt}") + len(gap)
            if flat[i].told:
                col = at + _token_at(ids[i], shift + flat[i].asked_at)
                told += [(row, col, first, token) for token in ids[2 * len(flat) + i].ids]
            for letter, end in zip(LETTERS, option_ends(flat[i]), strict=False):
                col = at + _token_at(ids[i], shift + end)
                marks.append((row, col, flat[i].answer == letter))
        where = np.array(picks, dtype=np.int64)
        early = np.array(told, dtype=np.int64).reshape(-1, 4)
        tail = np.tile(len(prefix) + np.arange(length), count)
        return Batch(
            ids=torch.from_numpy(table),
            first_slot=len(self._head_ids),
            positions=torch.from_numpy(np.concatenate([np.arange(len(prefix)), tail]))[None],
            layout=Layout(
                len(prefix), count, length, len(rows), torch.from_numpy(kept.ravel().nonzero()[0])
            ),
            rows=torch.from_numpy(where[:, 0]),
            cols=torch.from_numpy(where[:, 1]),
            targets=torch.from_numpy(where[:, 2]),
            weights=torch.tensor(weights),
            firsts=torch.tensor(firsts),
            told_rows=torch.from_numpy(early[:, 0]),
            told_cols=torch.from_numpy(early[:, 1]),
            told_ends=torch.from_numpy(early[:, 2]),
            told=torch.from_numpy(early[:, 3]),
            option_rows=torch.tensor([m[0] for m in marks], dtype=torch.long),
            option_cols=torch.tensor([m[1] for m in marks], dtype=torch.long),
            option_right=torch.tensor([m[2] for m in marks], dtype=torch.float32),
        )
