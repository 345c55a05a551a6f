"""A process that prepares an encoder, for tests that kill it: `prepare_in_a_process.py NAME MODELS_DIR`."""

import sys
from pathlib import Path

from models.encoders.prepare import ensure_prepared

if __name__ == "__main__":
    ensure_prepared(sys.argv[1], Path(sys.argv[2]))
    imported = {name.partition(".")[0] for name in sys.modules}
    heavy = {"torch", "transformers", "sentence_transformers", "onnx"} & imported
    sys.stdout.write(f"heavy imports: {sorted(heavy)}\n")
