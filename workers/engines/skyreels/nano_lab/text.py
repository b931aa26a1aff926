"""The text side: a word tokenizer and a two-layer UMT5 encoder, first trained to tell what a sentence asks for.

The encoder is trained alone, for some minutes, to name colour, shape, motion, scene and camera of a sentence from *any*
of its output vectors, so that the transformer's cross-attention finds a linearly separable condition from its first
step on; afterwards it learns along with the transformer.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from workers.prompts import nano_words

from . import captions, world
from .store import atomic_save

log = logging.getLogger(__name__)

WIDTH = 128
PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
# What the first four labels of a word choose from; one more than a table has stands for "not said".
TABLES: tuple[Sequence[str], ...] = (list(world.COLOURS), world.SHAPES, world.MOTIONS, world.SCENES)
UNTOLD = -100  # a label that the loss leaves out
Teach = Callable[[Any, random.Random], tuple[str, list[list[int]], list[int]]]


def tokenizer(vocabulary: Sequence[str] | None = None) -> Any:
    """Lower-casing tokenizer of whole words, nano's or others, dressed as a fast tokenizer; what is not among them
    becomes one unknown token.
    """
    words = [PAD, EOS, UNK, *(vocabulary or nano_words.vocabulary())]
    tok = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token=UNK))
    tok.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    tok.post_processor = processors.TemplateProcessing(single=f"$A {EOS}", special_tokens=[(EOS, 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tok, pad_token=PAD, eos_token=EOS, unk_token=UNK, model_max_length=512, padding_side="right"
    )


def build(vocabulary: int) -> Any:
    """A fresh encoder for ``vocabulary`` tokens."""
    config = UMT5Config(
        vocab_size=vocabulary,
        d_model=WIDTH,
        d_kv=32,
        d_ff=256,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        relative_attention_num_buckets=16,
        relative_attention_max_distance=32,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        use_cache=False,
    )
    return UMT5EncoderModel(config)


def encode(encoder: Any, tok: Any, sentences: list[str]) -> tuple[Tensor, Tensor]:
    """Vectors ``[B, L, WIDTH]``, zero where there is padding, and the mask ``[B, L]`` of the tokens that are there."""
    batch = tok(sentences, padding=True, return_tensors="pt").to(encoder.device)
    mask = batch.attention_mask.bool()
    return encoder(batch.input_ids, batch.attention_mask).last_hidden_state * mask[..., None], mask


def lesson(tok: Any, rng: random.Random) -> tuple[str, list[list[int]], list[int]]:
    """A sentence and what is to be read from it.

    Returns:
        The sentence; for each of its tokens six labels (colour, shape, motion, scene, camera, and whether its object is
        the first of two, the second, or alone); the same for the whole sentence. A table's length means "not said".
    """
    draw = rng.random()
    if draw < 0.3:
        spec = captions.sample_rich(rng)
        told = captions.pieces(spec, rng)
        labels = []
        for words, owner in told:
            about = (spec, spec.second)[max(owner, 0)] or spec
            told_of = owner >= 0 or spec.second is None
            label = [*_values(about)[:3]] if told_of else [UNTOLD] * 3
            label += [_values(spec)[3], world.CAMERAS.index(spec.camera)]
            label.append(2 if spec.second is None else owner if owner >= 0 else UNTOLD)
            labels += [label] * len(tok(words, add_special_tokens=False).input_ids)
        whole = [*([UNTOLD] * 3 if spec.second else _values(spec)[:3]), *labels[-1][3:5], UNTOLD]
        return " ".join(words for words, _ in told), [*labels, whole], whole
    spec, lengths = world.sample_spec(rng), [len(t) for t in TABLES]
    if draw < 0.38:
        sentence, label = captions.empty(rng), lengths
    elif draw < 0.5:
        said = captions.sample_said(rng)
        sentence = captions.partial(spec, said, rng)
        label = [v if s else n for v, s, n in zip(_values(spec), said, lengths, strict=True)]
    else:
        sentence, label = captions.caption(spec, rng), _values(spec)
    label = [*label, 0, 2]
    return sentence, [label] * len(tok(sentence).input_ids), label


def _values(spec: world.Spec) -> list[int]:
    values = (spec.colour, spec.shape, spec.motion, spec.scene)
    return [t.index(v) for t, v in zip(TABLES, values, strict=True)]


def loss_of(heads: Any, vectors: Tensor, mask: Tensor, labels: Tensor, whole: Tensor) -> Tensor:
    """Cross-entropy of six linear heads on every output vector ``[B, L, WIDTH]`` and on their mean, against the labels
    ``[B, L, 6]`` and ``[B, 6]`` of :func:`lesson`.
    """
    mean = vectors.sum(1) / mask.sum(1, keepdim=True)
    loss = torch.zeros(())
    for i, head in enumerate(heads):
        loss = loss + F.cross_entropy(head(vectors)[mask], labels[..., i][mask], ignore_index=UNTOLD)
        loss = loss + F.cross_entropy(head(mean), whole[:, i], ignore_index=UNTOLD)
    return loss


def lessons(tok: Any, n: int, rng: random.Random, teach: Teach = lesson) -> tuple[list[str], Tensor, Tensor]:
    """``n`` of :func:`lesson` or another: sentences, labels ``[n, L, 6]`` and labels of the whole ``[n, 6]``."""
    sentences, labels, whole = zip(*(teach(tok, rng) for _ in range(n)), strict=True)
    length = max(len(each) for each in labels)
    padded = [[*each, *[[UNTOLD] * len(each[0])] * (length - len(each))] for each in labels]
    return list(sentences), torch.tensor(padded), torch.tensor(whole)


def build_heads() -> Any:
    """The linear heads of :func:`loss_of`; the first four have one more class, for "not said"."""
    return nn.ModuleList(nn.Linear(WIDTH, n) for n in (*(len(t) + 1 for t in TABLES), len(world.CAMERAS), 3))


def train(
    path: Path, steps: int = 1500, seed: int = 0, tok: Any = None, teach: Teach = lesson, heads: Any = None
) -> Any:
    """Train to ``path`` unless it exists, and return the frozen encoder.

    In a sentence about two objects every vector is to tell of the object that its word is about.

    Args:
        path: training file.
        steps: length of the training.
        seed: of initial weights and of all draws.
        tok: tokenizer, nano's without it.
        teach: gives sentences and labels, in the form of :func:`lesson`.
        heads: linear layers that read the labels, those of :func:`build_heads` without it.
    """
    tok = tok or tokenizer()
    torch.manual_seed(seed)
    encoder = build(len(tok))
    if path.exists():
        encoder.load_state_dict(torch.load(path, weights_only=True)["encoder"], strict=False)
        return encoder.eval().requires_grad_(False)
    heads = heads or build_heads()
    optimiser = torch.optim.AdamW(
        [*encoder.parameters(), *heads.parameters()], lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01
    )
    rng = random.Random(seed)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * (1 - step / steps)
        sentences, labels, whole = lessons(tok, 96, rng, teach)
        vectors, mask = encode(encoder, tok, sentences)
        loss = loss_of(heads, vectors, mask, labels, whole)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 250 == 0:
            log.info("text %d  loss %.4f", step + 1, float(loss.detach()))
    atomic_save({"encoder": encoder.state_dict()}, path)
    return encoder.eval().requires_grad_(False)
