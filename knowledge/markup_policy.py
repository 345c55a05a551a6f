"""What an answer may hold: the tags, attributes and kinds of links that are let through, and why the rest is not."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

SCHEMES = frozenset({"http", "https", "mailto", "tel"})  # besides these, links without a scheme: /help, #anchor


def _names(text: str) -> list[str]:
    return text.split()


# Formatting without a life of its own.
TAGS = frozenset(
    _names(
        "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup data "
        "dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li "
        "main mark nav nobr ol p pre q rp rt ruby s samp section small span strike strong sub summary sup table tbody "
        "td tfoot th thead time tr tt u ul var wbr"
    )
)
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "a": frozenset({"href", "title"}),
    "img": frozenset({"src", "alt", "title", "width", "height"}),
    "ol": frozenset({"start"}),
    "td": frozenset({"colspan", "rowspan", "align"}),
    "th": frozenset({"colspan", "rowspan", "align"}),
}
URL_ATTRIBUTES = frozenset({"href", "src"})

SCRIPT, PAGE, FORM, PLAYER, HIDDEN = "a script", "an embedded page", "a form", "a player", "hidden text"
HANDLER, CODE_LINK = "an event handler", "a link that runs code"

# Elements that go together with what is between their tags, and how a person calls them.
DANGEROUS: Mapping[str, str] = {
    "script": SCRIPT,
    "style": "a style sheet",
    **dict.fromkeys(("svg", "math"), "a drawing"),
    **dict.fromkeys(_names("iframe frame frameset object embed applet portal"), PAGE),
    **dict.fromkeys(_names("audio video canvas"), PLAYER),
    **dict.fromkeys(_names("noscript template xmp noembed noframes plaintext head title"), HIDDEN),
    **dict.fromkeys(_names("textarea select"), FORM),
}
# Elements whose tags go and whose text stays.
DROPPED: Mapping[str, str] = {
    **dict.fromkeys(_names("form input button option optgroup fieldset label legend output keygen isindex"), FORM),
    **dict.fromkeys(_names("meta base link bgsound"), "a page setting"),
    **dict.fromkeys(_names("source track param"), PLAYER),
    **dict.fromkeys(  # layout that nobody misses
        _names(
            "html body marquee blink progress meter area map rb rtc dir menu menuitem hgroup picture dialog slot "
            "basefont image layer ilayer listing multicol nextid spacer search"
        ),
        "",
    ),
}
# No content, so there is nothing to look for between their tags.
VOID = frozenset({"embed", "frame"})

_RUNS_CODE = frozenset(_names("javascript vbscript livescript mocha data file blob about jar filesystem"))
_UNSEEN = re.compile(
    "[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\ufeff\ufff0-\uffff]"
)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_EVIDENTLY_FINE = re.compile(r"https?://|/|#|(?:mailto|tel):|[^:&\\]{0,200}\Z")
_TELLING = re.compile(r"[:&\\]")
_PATH = re.compile(r"[^:]*?[/?#]")  # behind these characters a colon ends no scheme
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):")
_LOOKED_AT = 200  # characters of an address in which its scheme must have ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanitised:
    """A text that was made safe."""

    text: str
    removed: tuple[str, ...] = ()  # what was taken out, for people: "a script"; mere layout is not listed


def complaint(address: str, *, surely_link: bool = True) -> str:
    """Say why a link may not lead there, "" if it may.

    Args:
        address: as it is written, with the escapes and entities of Markdown and HTML.
        surely_link: refuse every scheme but the allowed ones; else, in what may be plain text, only those that harm.
    """
    if _EVIDENTLY_FINE.match(address):
        return ""
    start = address[:_LOOKED_AT]
    if not _TELLING.search(start):  # no scheme so far, and nothing that could be one in disguise
        return CODE_LINK if not _PATH.match(start) else ""
    for _ in range(3):  # what was escaped twice is undone twice by some programs
        plain = _ESCAPED.sub(r"\1", html.unescape(start))
        if plain == start:
            break
        start = plain
    start = _UNSEEN.sub("", start).lower()
    scheme = _SCHEME.match(start)
    if scheme is None:
        hidden = len(address) > _LOOKED_AT and not _PATH.match(start)
        return CODE_LINK if hidden else ""
    if scheme[1] in SCHEMES:
        return ""
    if scheme[1] in _RUNS_CODE:
        return CODE_LINK if scheme[1] != "data" else "a link with data in it"
    return f"a link to {scheme[1][:20]}:" if surely_link else ""
