"""A registry as pages of HTML for people; nothing here asks or changes anything."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke_buildx.catalogue import Repository, Tagged, layers_of, sharing
from invoke_buildx.picture import picture
from invoke_buildx.removal import Removal
from invoke_buildx.shown import Shown

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent / "pages"
SCRIPT = (FOLDER / "page.js").read_text()
STYLE = (FOLDER / "page.css").read_text()


def registry_page(shown: Shown, said: str = "", *, can_delete: bool = False) -> str:
    """The page of a registry: self-contained and readable without scripts.

    With `can_delete` it has forms that lead to `delete` beside its own address, where
    `removal_page` asks. `said` is what has just been done.
    """
    once = {digest: size for one in shown.repositories for digest, size in one.blobs.items()}
    shelves = _shelves(shown)
    return _render(
        "registry.html",
        host=shown.host,
        shelves=shelves,
        largest=max((one["size"] for one in shelves), default=1) or 1,
        total=sum(once.values()),
        images=shown.images,
        picture=picture(shown.images),
        remark=shown.remark,
        read_at=shown.read_at,
        said=said,
        can_delete=can_delete,
    )


def removal_page(host: str, repository: Repository, removal: Removal) -> str:
    """The question before tags are deleted: which, with their digests, and which may stay."""
    tags = {tag: repository.tags[tag] for tag in (*removal.tags, *removal.shared)}
    return _render("removal.html", host=host, tags=tags, removal=removal)


def message_page(title: str, text: str) -> str:
    """A page that says one thing, such as why something was refused."""
    return _render("message.html", host=title, text=text)


def policy(form_action: str) -> str:
    """The content security policy of every page: our own script and style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';"
        f" base-uri 'none'; form-action {form_action}"
    )


def _render(name: str, **values: Any) -> str:
    forms = "'self'" if values.get("can_delete") or name == "removal.html" else "'none'"
    return _environment().get_template(name).render(policy=policy(forms), **values)


@cache
def _environment() -> "jinja2.Environment":
    # Jinja escapes what a registry says of itself; imported late: 40 ms.
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["hue"] = _hue
    environment.globals |= {"script": Markup(SCRIPT), "style": Markup(STYLE)}  # noqa: S704 - ours
    return environment


def _shelves(shown: Shown) -> list[dict[str, Any]]:
    """The repositories for the page, the largest first."""
    holders = Counter(digest for one in shown.repositories for digest in one.blobs)
    states = {one["ref"]: one["registry"]["state"] for one in shown.images}
    shared = sharing(shown.repositories, "")
    found = []
    for one in shown.repositories:
        prefix = f"{shown.host}/{one.name}"
        rows = [
            {
                "tag": tagged,
                "layers": _layers(one, tagged, shared),
                "state": states.get(f"{prefix}:{tagged.tag}", ""),
            }
            for tagged in sorted(shown.tags[one.name], key=lambda tag: tag.created, reverse=True)
        ]
        own = sum(size for digest, size in one.blobs.items() if holders[digest] == 1)
        size = sum(one.blobs.values())
        found.append({"name": one.name, "size": size, "own": own, "rows": rows})
    return sorted(found, key=lambda one: -one["size"])


def _layers(
    repository: Repository, tagged: Tagged, shared: Mapping[str, set[str]]
) -> list[dict[str, Any]]:
    """Each layer with its place in the strip of its image, and the other images that hold it."""
    image = repository.held[tagged.digest].image
    found = layers_of(image, {}, shared) if image else []
    own = f"{repository.name}:{tagged.tag}"
    total, start = sum(layer["size"] for layer in found) or 1, 0.0
    for layer in found:
        layer["start"], layer["width"] = start, 1000 * layer["size"] / total
        start += layer["width"]
        layer["shared_with"] = [name for name in layer["shared_with"] if name != own]
    return found


def _hue(digest: str) -> int:
    """A colour for a layer, the same wherever it is."""
    return int(digest.rpartition(":")[2][:6], 16) % 360
