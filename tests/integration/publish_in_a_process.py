"""Run by the tests of publishing: ingests a file again and again until it is killed, or once."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fakes.knowledge import make_indexer, make_publisher


def main() -> None:
    """Take the home folder, the file, and how often."""
    home, file, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    publisher = make_publisher(home)
    indexer = make_indexer(publisher)
    indexer.ingest([file], kb="shop", dry_run=True)  # loads everything
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for number in range(times):
        text = "id,question,answer\n" + "".join(f"e{row},question {row},answer {number}-{row}\n" for row in range(200))
        file.write_text(text, encoding="utf-8")
        report = indexer.ingest([file], kb="shop")
        sys.stdout.write(f"{report.version}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
