"""The pages: each one document without anything from elsewhere, and the policy that keeps it so."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Page:
    """What is sent for `/`."""

    html: str
    policy: str  # Content-Security-Policy: its own script and style by hash, pictures and status from here alone


@cache
def page(name: str = "page") -> Page:
    """A page, put together from its three files: `page` is the monitor, `view` the picture alone."""
    here = files(__package__)
    html, css, js = ((here / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    policy = (
        f"default-src 'none'; script-src {_hash(js)}; style-src {_hash(css)}; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html.replace("/*style*/", css).replace("/*script*/", js), policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
