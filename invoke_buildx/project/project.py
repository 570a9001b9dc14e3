"""A project folder: its settings, its images, and what each of their Dockerfiles says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke_buildx.errors import SettingsError, TemplateError, UsageError, nearest
from invoke_buildx.project.dockerfile import Dockerfile, read_dockerfile
from invoke_buildx.project.identity import Identity, caller
from invoke_buildx.project.images import (
    FOLDER,
    TEMPLATE,
    Image,
    combinations,
    first_variants,
    image_folders,
    image_reference,
    select,
)
from invoke_buildx.project.reference import Reference, parse_reference, tag_problem
from invoke_buildx.project.settings import ImageSettings, Settings

if TYPE_CHECKING:
    from invoke_buildx.project.template import Templates

PACKAGE = Path(__file__).resolve().parents[1]
PACKAGED = PACKAGE / "starter"


def library_root() -> Path:
    """The packaged templates and scripts; in a checkout they are the repository's own."""
    return PACKAGED if PACKAGED.is_dir() else PACKAGE.parent


@dataclass(frozen=True)
class Project:
    """What the files of the folder `root` say, for the caller `identity`.

    `overrides` are template variables from the command line, `build_args` build args.
    """

    root: Path
    settings: Settings
    identity: Identity = field(default_factory=caller)
    overrides: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The namespace of all image names, which also names what is ours in the engine."""
        return str(self.settings.namespace)

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """Every image and variant, in the order of names. Raises `SettingsError`."""
        folders = image_folders(self.root)
        stray = [name for name in self.settings.images if name not in folders]
        if stray:
            raise SettingsError("\n".join(_stray(name, folders) for name in stray))
        found = [
            image
            for name, path in folders.items()
            for image in self._variants(name, path, self.settings.images.get(name))
        ]
        _refuse_collisions(found)
        return tuple(found)

    def select(self, wanted: Iterable[str]) -> list[Image]:
        """The images that `--image` names, or the default one. Raises `UsageError`."""
        return select(self.images, wanted, self.settings.default)

    def render(self, image: Image) -> str:
        """The image's Dockerfile. Raises `TemplateError`."""
        if image.dockerfile.name != TEMPLATE:
            return image.dockerfile.read_bytes().decode()
        name = f"{image.name}/{TEMPLATE}"
        return self._templates.render(name, {**image.values, "image": self._facts(image)})

    def read(self, image: Image, text: str) -> Dockerfile:
        """What the rendered Dockerfile refers to. Raises `TemplateError`."""
        args = {**self.offered_args(image), **image.settings.args, **self.build_args}
        return read_dockerfile(text, args, image.settings.target, self.origin(image))

    def args(self, image: Image, dockerfile: Dockerfile) -> dict[str, str]:
        """The build args to pass: of those we offer only the declared, all that were set."""
        offered = self.offered_args(image)
        declared = {name: offered[name] for name in offered if name in dockerfile.args}
        return {**declared, **image.settings.args, **self.build_args}

    def offered_args(self, image: Image) -> dict[str, str]:
        """What a Dockerfile may declare to get from us."""
        names = {"image_name": image.name, "image_ref": str(image.reference)}
        return names | self.identity.build_args()

    def origin(self, image: Image) -> str:
        """How messages call the rendered text: lines count in it, not in the template."""
        path = image.dockerfile.relative_to(self.root)
        return str(path) if path.name != TEMPLATE else f"{path.parent} (rendered)"

    def context(self, image: Image) -> Path:
        """The folder that COPY reads from. Raises `SettingsError` if it is none."""
        folder = (self.root / image.settings.context).resolve()
        if not folder.is_dir():
            raise SettingsError(f"images.{image.name}.context: there is no folder {folder}.")
        return folder

    def parents(self, dockerfile: Dockerfile) -> list[Image]:
        """Those of our images that a Dockerfile refers to. Raises `TemplateError`."""
        ours = {image.reference: image for image in self.images}
        found: dict[str, Image] = {}
        for written in dockerfile.images:
            reference = parse_reference(written).canonical()
            if reference in ours:
                found[ours[reference].label] = ours[reference]
            elif reference.name.startswith(f"{self.settings.registry}/{self.namespace}/"):
                known = [str(image.reference) for image in self.images]
                raise TemplateError(f"There is no image '{written}'.{nearest(written, known)}")
        return list(found.values())

    @cached_property
    def _templates(self) -> "Templates":
        # Jinja takes 40 ms to import, and listing tasks does not need it.
        from invoke_buildx.project.template import Templates

        return Templates([self.root, library_root()], {"ref": self._ref})

    def _variants(self, name: str, path: Path, settings: ImageSettings | None) -> Iterable[Image]:
        settings = settings or ImageSettings()
        free = {k: v for k, v in settings.matrix.items() if k not in self.overrides}
        settings = replace(settings, matrix=free)
        for chosen in combinations(settings):
            values = {**settings.vars, **chosen, **self.overrides}
            yield Image(name, self._reference(name, settings, values), values, settings, path)

    def _reference(
        self, name: str, settings: ImageSettings, values: Mapping[str, Any]
    ) -> Reference:
        where = f"images.{name}.tag"
        tag = settings.tag
        if "{" in tag:
            tag = self._templates.render_text(tag, where, values)
        problem = tag_problem(tag)
        if problem:
            raise SettingsError(f"{where}: {problem}.")
        return image_reference(self.settings, name, tag)

    def _facts(self, image: Image) -> dict[str, str]:
        return {
            "name": image.name,
            "tag": image.tag,
            "ref": str(image.reference),
            "namespace": self.namespace,
            "registry": self.settings.registry,
        }

    def _ref(self, wanted: str) -> str:
        """`ref("swiss-knife")` in a template: another image's full name."""
        first = first_variants(self.images)
        known = {image.label: image for image in self.images} | first
        if wanted not in known:
            raise ValueError(f"there is no image '{wanted}' to refer to.{nearest(wanted, known)}")
        return str(known[wanted].reference)


def _stray(name: str, folders: Mapping[str, Path]) -> str:
    hint = nearest(name, folders)
    return f"images.{name}: there is no {FOLDER}/{name}/{TEMPLATE}.{hint}"


def _refuse_collisions(images: Iterable[Image]) -> None:
    seen: set[str] = set()
    for image in images:
        if image.label in seen:
            raise SettingsError(
                f"Two variants of '{image.name}' have the tag '{image.tag}':"
                f" images.{image.name}.tag must use every key of its matrix."
            )
        seen.add(image.label)


def parse_assignments(option: str, words: Iterable[str]) -> dict[str, str]:
    """`K=V` words of a repeatable option. Raises `UsageError`."""
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or key.startswith("-"):
            raise UsageError(f"--{option} takes NAME=VALUE, not '{word}'.")
        pairs[key] = value
    return pairs
