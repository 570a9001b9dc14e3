"""A project folder: its settings, its images, and what each of their Dockerfiles says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from invoke_buildx.errors import SettingsError, TemplateError, UsageError, nearest
from invoke_buildx.project.fingerprint import short_hash
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
from invoke_buildx.project.kept import Kept
from invoke_buildx.project.library import Library
from invoke_buildx.project.readings import kept_reading
from invoke_buildx.project.reference import HUB, Reference, parse_reference, tag_problem
from invoke_buildx.project.references import NOTHING, Dockerfile, Triggers, merged
from invoke_buildx.project.renderings import Renderings
from invoke_buildx.project.settings import ImageSettings, Settings

PACKAGE = Path(__file__).resolve().parents[1]
PACKAGED = PACKAGE / "starter"


def library_root() -> Path:
    """The packaged templates and scripts; in a checkout they are the repository's own."""
    return PACKAGED if PACKAGED.is_dir() else PACKAGE.parent


@dataclass(frozen=True)
class Project:
    """What the files of the folder `root` say, for the caller `identity`.

    `overrides` are template variables from the command line, `build_args` build args, and
    `platforms` what to build for instead of what the settings say. `cache` is a folder of the
    caller's for what can be made again.
    """

    root: Path
    settings: Settings
    identity: Identity = field(default_factory=caller)
    overrides: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    cache: Path | None = None

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

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The options of the command line that make images differ from what the files say."""
        pairs = (("--set", self.overrides), ("--build-arg", self.build_args))
        found = [f"{option} {name}" for option, values in pairs for name in values]
        return (*found, *(("--platform",) if self.platforms else ()))

    def select(self, wanted: Iterable[str]) -> list[Image]:
        """The images that `--image` names, or the default one. Raises `UsageError`."""
        return select(self.images, wanted, self.settings.default)

    def render(self, image: Image) -> str:
        """The image's Dockerfile. Raises `TemplateError`."""
        if image.dockerfile.name != TEMPLATE:
            return _read_text(image.dockerfile)
        name = f"{image.name}/{TEMPLATE}"
        return self._renderings.render(name, {**image.values, "image": self._facts(image)})

    def read(self, image: Image, text: str) -> Dockerfile:
        """What the rendered Dockerfile refers to, over all platforms. Raises `TemplateError`."""
        args = {**self.offered_args(image), **image.settings.args, **self.build_args}
        target, platforms = image.settings.target, self.platforms_of(image) or (None,)

        def read(triggers: Triggers) -> Dockerfile:
            # The parser takes 12 ms to import, and a text that is known needs none.
            from invoke_buildx.project.dockerfile import read_dockerfile

            origin = self.origin(image)
            found = [
                read_dockerfile(text, args, target, origin, platform=one, triggers=triggers)
                for one in platforms
            ]
            return found[0] if len(found) == 1 else merged(found)

        return kept_reading(self.kept, [text, args, target, platforms], self._triggers, read)

    @cached_property
    def kept(self) -> Kept:
        """What earlier runs have rendered and read."""
        return self._kept("kept")

    @cached_property
    def hashes(self) -> Kept:
        """What earlier runs know of files of the context."""
        return self._kept("files")

    def _kept(self, kind: str) -> Kept:
        name = f"{short_hash(str(self.root))}.json"
        return Kept(self.cache / kind / name if self.cache else None)

    def platforms_of(self, image: Image) -> tuple[str, ...]:
        """The platforms that were asked for; none for the machine's own."""
        return self.platforms or image.settings.platforms

    def described(self, image: Image) -> tuple[str, Dockerfile]:
        """The rendered text and what it refers to, worked out once. Raises `TemplateError`."""
        if image.label not in self._descriptions:
            # Images that are made from each other end here; their order is refused later.
            self._descriptions[image.label] = ("", NOTHING)
            text = self.render(image)
            self._descriptions[image.label] = (text, self.read(image, text))
        return self._descriptions[image.label]

    @cached_property
    def _descriptions(self) -> dict[str, tuple[str, Dockerfile]]:
        return {}

    def _triggers(self, written: str) -> tuple[str, ...]:
        """The ONBUILD instructions of a base that is one of our images."""
        try:
            parent = self._ours(written)
        except (UsageError, TemplateError):
            return ()  # it is refused where the whole text is read
        return self.described(parent)[1].onbuild if parent else ()

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

    def links(self, dockerfile: Dockerfile) -> dict[str, Image]:
        """Those of our images that a Dockerfile refers to, by how it writes them.

        Raises `TemplateError` for a name that looks like one of ours and is none.
        """
        found = {written: self._ours(written) for written in dockerfile.images}
        return {written: image for written, image in found.items() if image}

    def _ours(self, written: str) -> Image | None:
        """Our image of that name, None for a foreign one; one with a digest is always foreign."""
        reference = parse_reference(written).canonical()
        if reference.digest:
            return None
        ours = self._by_reference
        without_host = reference.host == HUB and not written.startswith((HUB, f"index.{HUB}"))
        if reference not in ours and without_host:
            reference = replace(reference, host=self.settings.registry)
            if all(reference.name != known.name for known in ours):
                return None
        if reference in ours:
            return ours[reference]
        if reference.name.startswith(f"{self.settings.registry}/{self.namespace}/"):
            known = [str(known) for known in ours]
            hint = nearest(str(reference), known)
            raise TemplateError(f"There is no image '{written}'.{hint}")
        return None

    @cached_property
    def _by_reference(self) -> dict[Reference, Image]:
        return {image.reference: image for image in self.images}

    @cached_property
    def _renderings(self) -> Renderings:
        return Renderings(Library([self.root, library_root()]), self.kept, self._ref)

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
            tag = self._renderings.render_text(tag, where, values)
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
        known = self._by_label
        if wanted not in known:
            raise ValueError(f"there is no image '{wanted}' to refer to.{nearest(wanted, known)}")
        return str(known[wanted].reference)

    @cached_property
    def _by_label(self) -> dict[str, Image]:
        """Every image by its label, and the first variants by their names alone."""
        return {image.label: image for image in self.images} | first_variants(self.images)


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


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as problem:
        raise TemplateError(f"{path}: is not UTF-8 text ({problem.reason}).") from None


def parse_assignments(option: str, words: Iterable[str]) -> dict[str, str]:
    """`K=V` words of a repeatable option. Raises `UsageError`."""
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or key.startswith("-"):
            raise UsageError(f"--{option} takes NAME=VALUE, not '{word}'.")
        pairs[key] = value
    return pairs
