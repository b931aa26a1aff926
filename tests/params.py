"""A small text-to-video request."""

PARAMS = {
    "prompt": "a red circle moves right",
    "negative_prompt": "",
    "ratio": "1:1",
    "num_frames": 21,
    "style": "realistic",
    "steps": 4,
    "guidance_scale": 4.0,
    "shift": 3.0,
    "seed": 7,
}
