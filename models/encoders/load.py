"""From the name in the settings to an encoder that serves."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.encoders.combined import CombinedEncoder
from models.encoders.onnx_encoder import OnnxEncoder
from models.encoders.prepare import Progress, ensure_prepared, to_stderr
from models.encoders.universal import NAME as CHINESE
from models.encoders.universal import UniversalEncoder
from models.protocols import Encoder

BUNDLED = "bundled"  # the combination that comes with the package
MULTILINGUAL = "multilingual-e5-small"
ENGLISH = "all-MiniLM-L6-v2"


def load_encoder(
    name: str = BUNDLED, models_dir: Path | None = None, *, threads: int = 1, progress: Progress = to_stderr
) -> Encoder:
    """Load an encoder; what is not prepared yet is prepared now.

    Args:
        name: `bundled` for the combination that comes with the package, the name of one of its parts, a folder of a
            sentence-transformers model, or a name on the model hub.
        models_dir: where prepared models are; by default KEFU_MODELS, else `models` below KEFU_HOME.
        threads: for the runtime, per call.
        progress: told what preparation does.

    Raises:
        ModelNotPrepared: the model could not be had or prepared.
        ArtifactCorrupt: a prepared model was changed on disk.
    """
    folder = models_dir if models_dir is not None else default_models_dir()

    def onnx(part: str) -> OnnxEncoder:
        return OnnxEncoder.open(ensure_prepared(part, folder, progress), threads=threads)

    def universal() -> UniversalEncoder:
        return UniversalEncoder.open(ensure_prepared(CHINESE, folder, progress), threads=threads)

    if name == CHINESE:
        return universal()
    if name != BUNDLED:
        return onnx(name)
    # At once: what takes longest, reading a vocabulary and preparing, happens outside of the interpreter's lock.
    with ThreadPoolExecutor(3, thread_name_prefix="load-encoder") as pool:
        multilingual, english = pool.submit(onnx, MULTILINGUAL), pool.submit(onnx, ENGLISH)
        chinese = pool.submit(universal)
        return CombinedEncoder(multilingual.result(), english=english.result(), chinese=chinese.result())


def default_models_dir() -> Path:
    """Where prepared models are kept unless told otherwise: KEFU_MODELS, else `models` below KEFU_HOME."""
    chosen = os.environ.get("KEFU_MODELS")
    home = os.environ.get("KEFU_HOME") or "~/.local/share/kefu"
    return Path(chosen or Path(home) / "models").expanduser()
