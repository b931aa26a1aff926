"""A short prompt becomes a shot; what the user said is kept."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from workers.base import EngineError
from workers.prompts.enhance import INSTRUCTION, engine_name, enhance


def test_the_rules_add_shot_angle_light_and_camera():
    text = enhance("a swan glides over a lake", seed=1)
    assert "a swan glides over a lake" in text
    assert "shot of" in text or "close-up of" in text
    assert "The camera" in text and len(text) > 60


def test_the_same_seed_gives_the_same_words_and_others_differ():
    assert enhance("a swan", 3) == enhance("a swan", 3)
    assert len({enhance("a swan", seed) for seed in range(20)}) > 5


def test_what_is_said_already_is_not_said_twice():
    text = enhance("close-up of a swan at night, low angle, the camera circles it", seed=1)
    assert text == "close-up of a swan at night, low angle, the camera circles it."


@pytest.fixture
def writer(tmp_path, monkeypatch):
    """A Qwen2 of a few weights, saved the way the real one is."""
    words = sorted({*INSTRUCTION.split(), "swan", "lake", "<end>", "<unk>"})
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unk>")
    fast.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    fast.save_pretrained(tmp_path)
    config = Qwen2Config(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    monkeypatch.setenv("CINEVIVID_PROMPT_ENGINE", str(tmp_path))
    return tmp_path


def test_a_language_model_writes_where_one_is_chosen(writer):
    text = enhance("swan lake", seed=1)
    assert text == enhance("swan lake", seed=2) and text != "swan lake"
    assert not text.startswith(INSTRUCTION)
    assert engine_name() == str(writer)


def test_a_model_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CINEVIVID_PROMPT_ENGINE", str(tmp_path / "nothing"))
    with pytest.raises(EngineError) as caught:
        enhance("a swan", 1)
    assert caught.value.code == "model_not_ready"
