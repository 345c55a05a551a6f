"""`make soak`: what is run for hours. SOAK_CASES, SOAK_SECONDS and SOAK_SEED bound it and choose where it starts."""

import os

from tests.soak import fuzz_readers

if __name__ == "__main__":
    broken = fuzz_readers.run(
        first_seed=int(os.environ.get("SOAK_SEED", "1000")),
        cases=int(os.environ.get("SOAK_CASES", "1000000")),
        seconds=float(os.environ.get("SOAK_SECONDS", "3600")),
    )
    raise SystemExit(bool(broken))
