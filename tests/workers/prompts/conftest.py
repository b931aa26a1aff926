"""A Qwen2 of a few random weights, laid out as the real ones are and known to the catalogue."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from workers.engines import registry
from workers.engines.instruct import cards
from workers.prompts.schema import INSTRUCTION
from workers.prompts.shot import Shot, Subject
from workers.weights import catalog

NAME = "tiny-writer"
EXAMPLE = json.dumps(
    Shot(subjects=(Subject(type="Animal", sub_type="Swan"),), shot_type="close_up").to_json(), separators=(",", ":")
)


def save_tiny(folder):
    """Save a random Qwen2 with a tokenizer that was trained on the keys of a shot."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=560, initial_alphabet=alphabet, special_tokens=["<end>"])
    tokenizer.train_from_iterator([EXAMPLE, EXAMPLE, INSTRUCTION], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    fast.chat_template = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=600, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, bos_token_id=None, eos_token_id=fast.eos_token_id,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / NAME)
    return root


@pytest.fixture
def tiny(tiny_folder, monkeypatch):
    """The id of a model that writes, on this machine."""
    monkeypatch.setenv("CINEVIVID_MODELS", str(tiny_folder))
    monkeypatch.setenv("CINEVIVID_PROMPT_ENGINE", NAME)
    catalog.all()
    monkeypatch.setitem(catalog._cards, NAME, cards.InstructCard(id=NAME, title="Tiny"))
    yield NAME
    registry._engines.pop(f"prompt:{NAME}", None)
