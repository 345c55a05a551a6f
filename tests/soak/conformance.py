"""All Autobahn cases, those with megabytes and those with compression too: ours beside aiohttp alone.

    python -m tests.soak.conformance [--cases 9.* 12.1.*]

The echo of both takes messages of any size; ours offers no compression, so that the cases of sections 12 and 13 end as
not implemented, which the standard allows. Ends with 1 if a case is worse than with aiohttp alone and not of these.
"""

import argparse
import asyncio
import sys
from collections import Counter

from tests.fakes.conformance import our_echo, plain_echo, rank, served, verdicts

SECTIONS = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.*", "13.*")
COMPRESSED = ("12.", "13.")
MOST_BYTES = 32 * 1024 * 1024  # of the largest message there is among the cases, and more


async def compare(cases: tuple[str, ...]) -> int:
    """Run the cases against both; give the number of those that are worse."""
    async with served(plain_echo) as plain, served(our_echo(MOST_BYTES)) as ours:
        theirs = await verdicts(plain, cases, within_s=3600)
        mine = await verdicts(ours, cases, within_s=3600)
    worse = 0
    for name, result in mine.items():
        labels = f"{result.behavior.value}, closing {result.behavior_close.value}"
        compressed = name.startswith(COMPRESSED) and result.behavior.value == "UNIMPLEMENTED"
        if rank(result) > rank(theirs[name]) and not compressed:
            worse += 1
            sys.stdout.write(f"{name} is worse: {labels}; {theirs[name].behavior.value} with aiohttp alone\n")
        elif rank(result) and not compressed:
            sys.stdout.write(f"{name}: {labels}\n")
    for title, results in (("aiohttp alone", theirs), ("ours", mine)):
        counted = Counter(result.behavior.value for result in results.values())
        sys.stdout.write(f"{title}: {len(results)} cases, {dict(counted)}\n")
    sys.stdout.write(f"{worse} worse than with aiohttp alone\n")
    return worse


def main() -> int:
    """Run the cases that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=SECTIONS)
    return min(1, asyncio.run(compare(tuple(parser.parse_args().cases))))


if __name__ == "__main__":
    raise SystemExit(main())
