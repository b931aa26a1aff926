"""SkyReels-V2: https://github.com/SkyworkAI/SkyReels-V2."""

import os

# Before torch starts its threads: on a machine with other work, OpenMP's spinning makes a step five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
# Before CUDA starts: parts of models come and go, and segments that grow leave no holes between them.
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
