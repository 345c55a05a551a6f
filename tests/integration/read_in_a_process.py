"""Reads files in a process of its own and tells on one line how much memory that took, and what came out."""

import json
import resource
import sys
from pathlib import Path

from ingest.records import Record, Rejection
from ingest.sources.document import ReadOptions
from ingest.sources.reading import SourceReader


def own_peak_mb() -> float:
    """Give the most memory this process had since it was started."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def main(paths: list[str]) -> None:
    before = own_peak_mb()
    records, rejections = [], []
    with SourceReader(ReadOptions()) as reader:
        for path in paths:
            for item in reader.read(Path(path)):
                if isinstance(item, Record):
                    records.append(item.question[:20])
                elif isinstance(item, Rejection):
                    rejections.append(f"{item.source.file}, {item.source.place}: {item.reason}")
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    taken = own_peak_mb() - before
    sys.stdout.write(
        json.dumps(
            {
                "taken_mb": taken,
                "worker_mb": workers,
                "records": [*records[:50], *records[50:][-2:]],
                "rejections": rejections,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
