"""The tokenizer: byte-level BPE trained on our own captions and questions."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from ipllvm_spec.mini.problems import draw_problem
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import draw_questions
from ipllvm_spec.mini.recipe.words import VOCABULARY

PAD, BOS, EOS, IMAGE = "<pad>", "<s>", "</s>", "<image>"
TURN, END = "<|im_start|>", "<|im_end|>"
SPECIAL = (PAD, BOS, EOS, IMAGE, TURN, END)
VOCAB_SIZE = 1536

LLAMA_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] | upper }}: "
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] if c['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}{% endfor %}{% endif %}"
    "{% if not loop.last or add_generation_prompt %} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
CHATML_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] if c['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _corpus() -> list[str]:
    rng = seeded("tokenizer")
    lines = [f"{word} {word}" for word in VOCABULARY for _ in range(200)]
    for kind in KINDS.values():
        for _ in range(300):
            spec = kind.sample(rng)
            asked = draw_questions(kind, spec, rng, n=8, captions=1.0)
            for family in ("hinted", "math"):
                asked += draw_questions(kind, spec, rng, n=2, captions=0.0, family=family)
            for q in asked:
                lines.append(f"USER: {q.prompt} ASSISTANT:{q.answer}")
                lines.append(f"user\n{q.prompt}")
    for _ in range(1000):
        problem = draw_problem(rng)
        lines.append(f"Q: {problem.question}\nA: ASSISTANT:{problem.solution}")
    return lines


def build_backend() -> Tokenizer:
    """Trains the tokenizer; deterministic."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_corpus(), trainer)
    return backend


def wrap(backend: Tokenizer, *, style: str) -> PreTrainedTokenizerFast:
    """Makes the tokenizer of one style.

    Args:
        backend: the trained tokenizer; it is copied.
        style: "llama" (begins with <s>, ends with </s>), "chatml" (ends with <|im_end|>), "meteor"
            (as "llama", without a template, and with the image's token already in) or "tower"
            (captions between <s> and <|im_end|>, padded on the right; CLIPTextModel takes an end
            token of id 2, which is ours, for a config of its early days and pools elsewhere).
    """
    copy = Tokenizer.from_str(backend.to_str())
    bos, end = copy.token_to_id(BOS), copy.token_to_id(END)
    if style in ("llama", "meteor"):
        copy.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, bos)]
        )
    elif style == "tower":
        copy.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A {END}", special_tokens=[(BOS, bos), (END, end)]
        )
    template = {"llama": LLAMA_TEMPLATE, "chatml": CHATML_TEMPLATE}.get(style)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=copy,
        pad_token=PAD,
        bos_token=None if style == "chatml" else BOS,
        eos_token=EOS if style in ("llama", "meteor") else END,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="right" if style == "tower" else "left",
        model_max_length=48 if style == "tower" else 2048,
        clean_up_tokenization_spaces=False,
        chat_template=template,
    )


def token_id(backend: Tokenizer, token: str) -> int:
    """The id of a token that is in the vocabulary."""
    found = backend.token_to_id(token)
    if found is None:
        raise KeyError(token)
    return int(found)


def load_backend(folder: Path) -> Tokenizer:
    """Reads the trained tokenizer, training it first when it is absent."""
    path = folder / "tokenizer.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build_backend().save(str(path))
    return Tokenizer.from_file(str(path))
