"""The front door: what people type. Flags are read here, verbs are called, results printed."""

from pathlib import Path

from invoke.collection import Collection

from invoke_buildx.tasks import builder, catalogue, doctor, images, registry
from invoke_buildx.tasks.door import OWN_KEY


def namespace(root: Path) -> Collection:
    """Every task, for the project in that folder."""
    tasks = Collection(
        images.build,
        images.push,
        images.shell,
        images.run,
        images.render,
        images.status,
        images.why,
        images.graph,
        doctor.doctor,
    )
    tasks.add_collection(Collection("builder", builder.create, builder.ls, builder.rm))
    tasks.add_collection(
        Collection(
            "registry",
            registry.up,
            registry.down,
            registry.status,
            catalogue.ls,
            catalogue.tags,
            catalogue.inspect,
            catalogue.rm,
            catalogue.prune,
            catalogue.browse,
            registry.gc,
            registry.du,
            registry.mirror,
            registry.copy,
        )
    )
    tasks.configure({OWN_KEY: {"root": str(root)}})
    return tasks
