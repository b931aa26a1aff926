"""SkyReels-V2: https://github.com/SkyworkAI/SkyReels-V2."""

import os

# Before torch starts its threads: on a machine with other work, OpenMP's spinning makes a step five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
