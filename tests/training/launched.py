"""Tells how a launcher counts this process, and what it told torch: a line of JSON."""

import json
import os

from core.training.environment import launched_count, launched_local_rank, launched_rank

FOR_TORCH = ("MASTER_ADDR", "MASTER_PORT", "LOCAL_WORLD_SIZE", "TORCHELASTIC_USE_AGENT_STORE")

if __name__ == "__main__":
    told = {name: os.environ.get(name) for name in FOR_TORCH}
    told |= {"rank": launched_rank(), "local": launched_local_rank(), "count": launched_count()}
    # In one piece: other processes write there too.
    os.write(1, f"{json.dumps(told)}\n".encode())
