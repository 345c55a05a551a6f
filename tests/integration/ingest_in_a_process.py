"""Run by the tests of Ctrl-C: ingests a file as the command does, and waits at one stage until a line comes in."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from rich.console import Console

import kefu
from ingest.command import IngestOptions, run_ingest
from ingest.gate import GateResult
from ingest.index import Indexer
from knowledge.catalog import Catalog
from tests.fakes.knowledge import GramEncoder, analyse, make_publisher


class Stage:
    """Stops once where the test wants to interrupt."""

    def __init__(self, name: str) -> None:
        self.name = name

    def reached(self, name: str) -> None:
        if name == self.name:
            self.name = ""
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
            sys.stdin.readline()


def main() -> int:
    """Take the home folder, the file and the stage."""
    home, file, stage = Path(sys.argv[1]), Path(sys.argv[2]), Stage(sys.argv[3])

    class Encoder(GramEncoder):
        def encode(self, texts):
            stage.reached("encode")
            return super().encode(texts)

    class Switching(Catalog):
        def switch(self, *given, **options):
            stage.reached("switch")
            super().switch(*given, **options)
            stage.reached("switched")

    class Gate:
        def judge(self, version, live, progress):
            stage.reached("gate")
            return GateResult(cases=0, right=0, broken=())

        def unchanged(self, version):
            stage.reached("gate")

    def words(text):
        stage.reached("words")
        return analyse(text)

    def derive(snapshot):
        stage.reached("calibration")
        return {}

    def language(text):
        stage.reached("plan")
        return "en"

    publisher = make_publisher(home)
    recipe = replace(publisher.recipe, analyse=words, derive=derive)
    publisher = replace(publisher, recipe=recipe, catalog=Switching(publisher.layout.catalog))
    indexer = Indexer(publisher, Encoder(), language_of=language, gate=Gate())
    options = IngestOptions(paths=[file], kb="shop", niceness=0)
    return kefu.guarded(lambda: run_ingest(indexer, options, Console(stderr=True)))


if __name__ == "__main__":
    raise SystemExit(main())
