"""The text side: a word tokenizer and a two-layer UMT5 encoder, first trained to tell what a sentence asks for.

The encoder is trained alone, for a minute, to name colour, shape, motion and scene of a sentence from *any* of its
output vectors, so that the transformer's cross-attention finds a linearly separable condition from its first step on;
afterwards it stays frozen.
"""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from . import captions, world
from .store import atomic_save

log = logging.getLogger(__name__)

WIDTH = 128
PAD, EOS, UNK = "<pad>", "</s>", "<unk>"


def tokenizer() -> Any:
    """Lower-casing tokenizer of whole words, dressed as a fast tokenizer; other words become one unknown token."""
    words = [PAD, EOS, UNK, *captions.vocabulary()]
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
    batch = tok(sentences, padding=True, return_tensors="pt")
    mask = batch.attention_mask.bool()
    return encoder(batch.input_ids, batch.attention_mask).last_hidden_state * mask[..., None], mask


def train(path: Path, steps: int = 1500, seed: int = 0) -> Any:
    """Train to ``path`` unless it exists, and return the frozen encoder.

    Cross-entropy of four linear heads on every output vector, each head with one more class for "not said".
    """
    tok = tokenizer()
    torch.manual_seed(seed)
    encoder = build(len(tok))
    if path.exists():
        encoder.load_state_dict(torch.load(path, weights_only=True)["encoder"], strict=False)
        return encoder.eval().requires_grad_(False)
    tables = (list(world.COLOURS), world.SHAPES, world.MOTIONS, world.SCENES)
    heads = nn.ModuleList(nn.Linear(WIDTH, len(t) + 1) for t in tables)
    optimiser = torch.optim.AdamW(
        [*encoder.parameters(), *heads.parameters()], lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01
    )
    rng = random.Random(seed)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * (1 - step / steps)
        sentences, labels = [], []
        for _ in range(96):
            spec = world.sample_spec(rng)
            values = (spec.colour, spec.shape, spec.motion, spec.scene)
            label = [t.index(v) for t, v in zip(tables, values, strict=True)]
            draw = rng.random()
            if draw < 0.08:
                sentence, label = captions.empty(rng), [len(t) for t in tables]
            elif draw < 0.2:
                said = captions.sample_said(rng)
                sentence = captions.partial(spec, said, rng)
                label = [v if s else len(t) for v, s, t in zip(label, said, tables, strict=True)]
            else:
                sentence = captions.caption(spec, rng)
            sentences.append(sentence)
            labels.append(label)
        vectors, mask = encode(encoder, tok, sentences)
        target = torch.tensor(labels)
        mean = vectors.sum(1) / mask.sum(1, keepdim=True)
        loss = torch.zeros(())
        for i, head in enumerate(heads):
            each = target[:, i, None].expand(mask.shape)[mask]
            loss = loss + F.cross_entropy(head(vectors)[mask], each) + F.cross_entropy(head(mean), target[:, i])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 250 == 0:
            log.info("text %d  loss %.4f", step + 1, float(loss))
    atomic_save({"encoder": encoder.state_dict()}, path)
    return encoder.eval().requires_grad_(False)
