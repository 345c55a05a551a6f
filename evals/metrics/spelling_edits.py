"""The changes that lead from one text to another, found in the same way for the target and for what was made."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

# A run of letters and digits is one token; everything else, each Han character among it, is a token of its own.
_TOKEN = re.compile(r"[^\W_\u3400-\u9fff\U00020000-\U0003ffff]+(?:['\u2019][^\W_\u3400-\u9fff]+)*|.", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class SpellingEdit:
    """Tokens [start, end) of the first text become `right`."""

    start: int
    end: int
    right: str

    @property
    def place(self) -> tuple[int, int]:
        """Where, without what."""
        return self.start, self.end


def edits(before: str, after: str) -> frozenset[SpellingEdit]:
    """The token edits from `before` to `after`.

    Texts of equally many tokens are compared place by place (a replaced character stays one edit even where the
    same character occurs nearby); others by longest matching blocks (Ratcliff and Metzener, 1988).
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(old) == len(new):
        return frozenset(SpellingEdit(i, i + 1, b) for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return frozenset(SpellingEdit(i, j, "".join(new[k:m])) for tag, i, j, k, m in steps if tag != "equal")
