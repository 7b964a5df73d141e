"""The page as text: HTML whose data, style and scripts are all inside it."""

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Any

from initlab.report.extra import extra
from initlab.report.page.charts import charts
from initlab.report.page.data import Section, Source, section_of
from initlab.report.page.markup import body
from initlab.report.page.together import together
from initlab.version import __version__

STRICT = '"use strict";\n'  # of both scripts, which become one
#: what JSON must not hold within a script: ends of it, comments, and what JavaScript calls lines
UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page(sources: Iterable[Source]) -> str:
    """One page for one or more sweeps, which loads nothing.

    Sources are taken one by one, when it is sure that the page can be made.

    Raises:
        InputError: a package of the extra `plot` is not installed.
    """
    specifications = charts()  # first: it says what is not installed
    datatables, vega = _datatables(), _vega()
    sections = [section_of(source) for source in sources]
    joined = together(sections)
    names = ", ".join(section.source.name for section in sections[:3])
    script = _file("chart.js") + _file("page.js").removeprefix(STRICT)
    data = {
        "charts": specifications,
        "sweeps": [_embedded(s) for s in (*sections, *([joined] if joined else []))],
    }
    return Template(_file("page.html")).substitute(
        policy=_policy(vega, script),
        generator=f"initlab {__version__}",
        title=escape(f"{names}{' ...' if len(sections) > 3 else ''} – initlab"),
        style=_file("page.css"),
        body=body(sections, joined),
        data=_json(data),
        datatables=_json(datatables),
        vega=vega,
        script=script,
    )


def _embedded(section: Section) -> dict[str, Any]:
    """What page.js needs of a sweep."""
    drawings: list[dict[str, Any]] = [
        {
            "kind": "log" if found.quantity.log else "linear",
            "curves": found.curves,
            "spread": found.spread,
        }
        for found in section.curves
    ]
    drawings += [{"kind": "dots", "dots": found.dots} for found in section.agreements]
    return {
        "points": section.points.names,
        "colors": section.coloring.of_point,
        "drawn": section.drawn,
        "charts": drawings,
    }


def _json(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(UNSAFE)


def _policy(*scripts: str) -> str:
    """What a browser may do here: run our scripts and no others; load, send and lead nowhere."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    # DataTables is a module, made of text; Vega compiles expressions
    return (
        f"default-src 'none'; script-src {hashes} blob: 'unsafe-eval';"
        " style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache  # it takes a second
def _vega() -> str:
    bundle: str = extra("vl_convert").javascript_bundle()
    return bundle


def _datatables() -> str:
    package = resources.files(extra("itables").__name__)
    return (package / "html" / "dt_bundle.js").read_text(encoding="utf-8")


def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
