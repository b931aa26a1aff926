"""A short prompt becomes a shot: what is seen, how the camera sees it, and in which light.

Two engines, chosen by `CINEVIVID_PROMPT_ENGINE`: empty for words of the shot grammar that SkyReels-V2's captions use
(https://github.com/SkyworkAI/SkyReels-V2, skycaptioner_v1), chosen by rule without any model; or an instruct model for
transformers, by folder or hub name. The makers use Qwen/Qwen2.5-32B-Instruct.
"""

from __future__ import annotations

import gc
import os
import random

from workers.base import EngineError

MAX_NEW_TOKENS = 200
INSTRUCTION = (
    "You write prompts for a video model. Rewrite the user's prompt as one paragraph of at most 100 English words: "
    "shot type, subject and what it does, details, surroundings, light, and the camera's movement last. Keep "
    "everything that the user asks for and add nothing that contradicts it. Answer with the paragraph only."
)

# What a prompt may say already, and what is added where it says nothing of the kind.
SHOTS = {
    "long shot": "A long shot",
    "full shot": "A full shot",
    "medium shot": "A medium shot",
    "close-up": "A close-up",
}
ANGLES = {"eye level": "at eye level", "low angle": "from a low angle", "high angle": "from a high angle"}
LIGHTS = {
    "soft": "in soft daylight",
    "golden": "in the golden light of evening",
    "overcast": "under an overcast sky",
    "rim": "with rim light against a dark background",
}
CAMERAS = {
    "still": "The camera is still.",
    "push": "The camera slowly pushes in.",
    "pan": "The camera pans with the subject.",
    "track": "The camera tracks alongside.",
}
SAID_SHOT = ("shot", "close-up", "closeup", "portrait of", "view of")
SAID_ANGLE = ("angle", "eye level", "overhead", "aerial", "from above", "from below", "bird's eye")
SAID_LIGHT = ("light", "lit ", "sun", "night", "dusk", "dawn", "shadow", "neon", "overcast", "bright", "dark")
SAID_CAMERA = ("camera", "zoom", "pan ", "pans", "dolly", "tracking", "handheld")


def enhance(prompt: str, seed: int) -> str:
    """Return a longer prompt for the same scene; the same prompt and seed give the same words.

    Raises EngineError("model_not_ready") when the chosen language model cannot be loaded.
    """
    model = os.environ.get("CINEVIVID_PROMPT_ENGINE", "")
    return _written(prompt, model) if model else _composed(prompt, seed)


def engine_name() -> str:
    """Return which engine writes: the model's name, or what the rules are called."""
    return os.environ.get("CINEVIVID_PROMPT_ENGINE") or "shot grammar"


def _composed(prompt: str, seed: int) -> str:
    draw, said = random.Random(seed), prompt.lower()

    def add(words: dict[str, str], already: tuple[str, ...]) -> str:
        chosen = draw.choice(list(words.values()))  # drawn in any case, so that each choice depends on the seed alone
        return "" if any(word in said for word in already) else chosen

    shot, angle = add(SHOTS, SAID_SHOT), add(ANGLES, SAID_ANGLE)
    light, camera = add(LIGHTS, SAID_LIGHT), add(CAMERAS, SAID_CAMERA)
    scene = prompt.strip().rstrip(".")
    first = f"{shot} of {scene}" if shot else scene
    sentence = ", ".join(part for part in (first, angle, light) if part)
    return f"{sentence}. {camera}".strip()


def _written(prompt: str, name: str) -> str:
    """Write the prompt with an instruct model, which is freed afterwards: the video model needs the memory."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
    except (OSError, ValueError) as error:
        raise EngineError("model_not_ready", f"The model that writes prompts ({name}) cannot be loaded.") from error
    try:
        model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        talk = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": prompt}]
        asked = tokenizer.apply_chat_template(
            talk, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        with torch.inference_mode():
            # Greedy: the same prompt gives the same words.
            answer = model.generate(**asked, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        written = tokenizer.decode(answer[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
    finally:
        del model
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return " ".join(str(written).split()) or prompt
