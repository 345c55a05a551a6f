"""A server for benchmarks: a process of its own over a folder of its own, and what it used of the machine."""

import os
import shutil
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.e2e.harness import RunningServer, kefu, widget_key

KB = "shop"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a process used so far."""

    cpu_s: float
    rss_mib: float
    peak_mib: float

    @classmethod
    def by(cls, process: int) -> "Used":
        """Look it up."""
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
        lines = Path(f"/proc/{process}/status").read_text("ascii").splitlines()
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        return cls(
            cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS,
            rss_mib=int(status["VmRSS"].split()[0]) / 1024,
            peak_mib=int(status["VmHWM"].split()[0]) / 1024,
        )

    def since(self, earlier: "Used") -> "Used":
        """What came on top; memory as it is now."""
        return replace(self, cpu_s=self.cpu_s - earlier.cpu_s)


def base(home: Path, entries: int) -> None:
    """Publish the base that is asked, unless the folder holds it already."""
    if (home / "kb").exists():
        return
    from engine import assemble, settings
    from tests.bench import shop

    given = settings.load()
    home.mkdir(parents=True, exist_ok=True)
    shop.publish(replace(given, home=home), assemble.open_models(given), KB, entries)


class Served:
    """`kefu serve` with an empty log and a cold cache, over a base that was published before."""

    def __init__(self, published: Path, folder: Path, **settings: str) -> None:
        """Take the folder with the base, an empty one for the rest, and settings of the table [server]."""
        self.folder = folder
        for name in ("catalog.db", "kb"):
            source = published / name
            shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
        self.key = widget_key(folder, KB)
        self.secret = kefu(folder, "keys", "add", "--secret", "ask,conversations:read,conversations:write").split()[0]
        self._server = RunningServer(folder, **settings)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.kill()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    @property
    def serving(self) -> int:
        """The process that serves."""
        return self._server.serving

    @property
    def used(self) -> Used:
        """By the process that serves."""
        return Used.by(self.serving)

    def figures(self, names: Sequence[str]) -> dict[str, float]:
        """Read metrics, each summed over its labels; a reading of the longest stall begins the next one."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line and not line.startswith("#")]
        found = dict.fromkeys(names, 0.0)
        for line in lines:
            name = line.split("{")[0].split(" ")[0]
            label = line.rsplit(" ", 1)[0]
            for wanted in names:
                if wanted in (name, label) or ("{" in wanted and _has(line, wanted)):
                    found[wanted] += float(line.rsplit(" ", 1)[1])
        return found


def _has(line: str, wanted: str) -> bool:
    """Whether a line has the metric and the one label that `name{label="value"}` names."""
    name, label = wanted.rstrip("}").split("{")
    return line.startswith(f"{name}{{") and label in line
