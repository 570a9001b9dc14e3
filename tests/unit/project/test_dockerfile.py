"""What a Dockerfile refers to, read as BuildKit reads it."""

import pytest

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.dockerfile import read_dockerfile
from invoke_buildx.project.platforms import own_platform
from invoke_buildx.project.references import Dockerfile


def read(text: str, target: str | None = None, **args: str) -> Dockerfile:
    """The references of that text with these build args."""
    return read_dockerfile(text, args, target)


def images(text: str, target: str | None = None, **args: str) -> list[str]:
    """The images that text refers to."""
    return list(read(text, target, **args).images)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a", ["a"]),
        ("ARG V=1\nFROM a:${V}", ["a:1"]),
        ("ARG V\nFROM a:${V:-2}", ["a:2"]),
        ("FROM scratch", []),
        ("FROM a AS one\nFROM one", ["a"]),
        ("FROM a AS One\nFROM b\nCOPY --from=ONE /x /y", ["a", "b"]),
        ("FROM a\nFROM b\nCOPY --from=0 /x /y", ["a", "b"]),
        ("FROM a\nCOPY --from=b/c:d /x /y", ["a", "b/c:d"]),
        ("FROM a\nRUN --mount=type=bind,from=b,target=/b x", ["a", "b"]),
        ("FROM a\nRUN --mount=from=0,target=/b x", ["a", "0"]),
        ("FROM a\nRUN <<EOF\nFROM b\nEOF", ["a"]),
        ("FROM a\nARG V=1\nFROM b:${V:-none}", ["b:none"]),
        ("# escape=`\nFROM `\na", ["a"]),
        ("\ufeffFROM a \\\n# note\n  AS x\r\n", ["a"]),
        ("FROM a AS unused\nFROM b", ["b"]),
        ("FROM --platform=$BUILDPLATFORM a", ["a"]),
    ],
)
def test_images_are_those_that_buildkit_resolves(text: str, expected: list[str]) -> None:
    """Stages, indexes, heredocs, defaults and directives as in BuildKit's own parser."""
    assert images(text) == expected


def test_build_args_replace_defaults_and_a_target_limits_what_is_needed() -> None:
    """Only the stages on the way to the target count."""
    text = "ARG V=1\nFROM a:$V AS one\nFROM b AS two"
    assert images(text, V="9", target="ONE") == ["a:9"]


def test_sources_are_the_paths_of_the_context() -> None:
    """COPY, ADD and bind mounts count; stages, addresses and heredocs do not."""
    text = (
        "FROM a\nARG d=src\nENV e=$d/x\nCOPY $d/a.txt ${e} /\nADD https://x/y z.tar /\n"
        'COPY ["with blank", "/"]\nCOPY --from=b /n /\nCOPY <<EOF /f\nx\nEOF\n'
        "RUN --mount=type=bind,source=s,target=/s true\nRUN --mount=target=/all true\n"
        "COPY $HOME/unknown /\n"
    )
    found = [(source.path, source.line) for source in read(text).sources]
    paths = ["src/a.txt", "src/x", "z.tar", "with blank", "s", "."]
    assert found == list(zip(paths, [4, 4, 5, 6, 11, 12], strict=True))


def test_declared_args_and_syntax_are_known() -> None:
    """Before and after FROM, several on one line."""
    found = read("# syntax=docker/dockerfile:1\nARG a=1\nFROM x\nARG b c=2\n")
    assert found.args == {"a", "b", "c"}
    assert found.syntax == "docker/dockerfile:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN x", "Dockerfile:1: RUN stands before the first FROM"),
        ("", "Dockerfile:1: there is no FROM"),
        ("FROM a b", "Dockerfile:1: FROM takes one image"),
        ("FROM $x", "Dockerfile:1: the base name '$x' is empty"),
        ("FROM a AS 1x", "Dockerfile:1: '1x' cannot name a stage"),
        ("FROM a\nFRUM b", "Dockerfile:2: unknown instruction: FRUM"),
        ("FROM a\nCOPY --from=$x /a /b", "Dockerfile:2: --from cannot hold a variable"),
        ("FROM a\nCOPY --from=7 /a /b", "Dockerfile:2: there is no stage with the index 7"),
        ("FROM A:b:c", "Dockerfile:1: 'A:b:c' cannot be an image reference"),
        ("FROM a\nRUN <<EOF\n", "Dockerfile:2: unterminated heredoc"),
        ("FROM a\nCOPY --from=0 /a /b", "Dockerfile:1: this stage needs itself"),
        ("FROM a\nCOPY x", "Dockerfile:2: COPY requires a source"),
        ("FROM a\nCOPY --nope x /y", "Dockerfile:2: COPY knows no flag --nope"),
        ("FROM a\nCOPY --from=b --from=c /x /y", "Dockerfile:2: the flag --from is given twice"),
        ("FROM a\nUSER", "Dockerfile:2: USER requires exactly one argument"),
        ("FROM a\nVOLUME", "Dockerfile:2: VOLUME requires at least one argument"),
        ("FROM a\nARG =x", "Dockerfile:2: ARG requires a name"),
        ("FROM a\nSHELL sh", "Dockerfile:2: SHELL requires its arguments in JSON"),
        ("FROM a\nHEALTHCHECK X", "Dockerfile:2: HEALTHCHECK knows CMD and NONE"),
        ("FROM a\nONBUILD FROM b", "Dockerfile:2: FROM is not allowed behind ONBUILD"),
        ("FROM a\nONBUILD", "Dockerfile:2: ONBUILD requires"),
        ("FROM a\nRUN --network=foo x", "Dockerfile:2: --network knows"),
        ("FROM a\nRUN --mount=type=nope,target=/x y", "Dockerfile:2: a mount of type 'nope'"),
        ("FROM a\nRUN --mount=type=bind y", "Dockerfile:2: a mount of type bind needs a target"),
        ("FROM a\nRUN --mount=from=$X,target=/x y", "Dockerfile:2: a mount's from= cannot"),
    ],
)
def test_what_buildkit_rejects_is_rejected_with_the_line(text: str, message: str) -> None:
    """Before anything is built."""
    with pytest.raises(TemplateError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


def test_an_unknown_target_names_the_nearest_stage() -> None:
    """A typo in `target` is found before the build."""
    with pytest.raises(TemplateError, match="Did you mean 'tools'"):
        read("FROM a AS tools", target="tool")


def test_triggers_of_a_base_come_first_and_are_read_like_its_child() -> None:
    """Those of an image, and those of an earlier stage of the same text."""
    text = "FROM base\nCOPY own /\nONBUILD COPY later /\nFROM base AS two\n"
    triggers = {"base": ["COPY --from=tools /t /t", "COPY first /"]}
    found = read_dockerfile(text, {}, triggers=lambda name: triggers.get(name, []))
    assert list(found.images) == ["base", "tools"]
    assert [source.path for source in found.sources] == ["first"]
    staged = read("FROM a AS one\nONBUILD COPY x /\nFROM one\nCOPY y /\nONBUILD RUN z\n")
    assert [(source.path, source.line) for source in staged.sources] == [("x", 3), ("y", 4)]
    assert staged.onbuild == ("RUN z",)


def test_inputs_that_no_text_tells_are_said() -> None:
    """An address may hold something else tomorrow, unless a checksum or a commit fixes it."""
    commit = "0" * 40
    text = (
        "FROM a\nADD https://x/y /\nADD --checksum=sha256:1 https://x/z /\n"
        f"ADD https://github.com/a/b.git#{commit} /\nCOPY $P/q /\nARG Q\nCOPY $Q/r /\n"
        "RUN --mount=source=$P,target=/p true\n"
    )
    found = read(text, Q="d")
    assert found.unknown == (
        "line 2: what ADD https://x/y fetches can change",
        "line 5: $P/q uses a variable that the base image may set",
        "line 8: $P uses a variable that the base image may set",
    )
    assert [source.path for source in found.sources] == ["d/r"]


def test_arguments_count_for_the_stages_that_are_needed() -> None:
    """And those before the first FROM always do."""
    found = read("ARG g\nFROM a AS unused\nARG x\nFROM b\nARG y\n")
    assert found.args == {"g", "x", "y"}
    assert found.consumed == {"g", "y"}


def test_platform_arguments_follow_the_platform_that_is_built_for() -> None:
    """The machine's own if none is named; a build arg wins."""
    text = "FROM a-$TARGETARCH-$TARGETVARIANT"
    assert list(read_dockerfile(text, {}, platform="linux/arm/v7").images) == ["a-arm-v7"]
    assert images(text, TARGETARCH="x", TARGETVARIANT="y") == ["a-x-y"]
    own = own_platform().split("/")[1]
    assert images("FROM a-$BUILDARCH") == [f"a-{own}"]
