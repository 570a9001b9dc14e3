"""Images, their variants, and how they are chosen."""

import pytest
from projects import ProjectMaker

from invoke_buildx.errors import SettingsError, UsageError

MATRIX = {
    "images": {
        "swiss": {
            "tag": "{{ base | slug }}-{{ size }}",
            "matrix": {"base": ["debian:12", "ubuntu:24"], "size": ["s", "l"]},
            "exclude": [{"base": "ubuntu:24", "size": "l"}],
        }
    },
    "default": "swiss",
}
FILES = {
    "dockerfiles/swiss/Dockerfile.j2": "FROM {{ base }}",
    "dockerfiles/sub/tool/Dockerfile": "FROM a",
    "dockerfiles/notes/readme.txt": "",
}


def labels(make_project: ProjectMaker, *wanted: str) -> list[str]:
    """What `--image` with these values chooses."""
    return [image.label for image in make_project(MATRIX, FILES).select(wanted)]


def test_folders_and_matrix_make_the_images(make_project: ProjectMaker) -> None:
    """One image for each combination that is not excluded, nested names too."""
    project = make_project(MATRIX, FILES)
    assert [str(image.reference) for image in project.images] == [
        "localhost:5000/team/sub/tool:latest",
        "localhost:5000/team/swiss:debian-12-s",
        "localhost:5000/team/swiss:debian-12-l",
        "localhost:5000/team/swiss:ubuntu-24-s",
    ]


def test_images_are_chosen_by_name_tag_and_glob(make_project: ProjectMaker) -> None:
    """A name alone is the first variant, and the default image needs no name."""
    assert labels(make_project) == ["swiss:debian-12-s"]
    assert labels(make_project, "swiss") == ["swiss:debian-12-s"]
    assert labels(make_project, "swiss:*-s") == ["swiss:debian-12-s", "swiss:ubuntu-24-s"]
    assert labels(make_project, "*") == ["sub/tool:latest", "swiss:debian-12-s"]
    assert labels(make_project, "swiss", "swiss:debian-12-s") == ["swiss:debian-12-s"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("swis", "No image is called 'swis'. Did you mean 'swiss'?"),
        ("swiss:debian-12-x", "Did you mean 'swiss:debian-12-"),
        ("--help", "was given '--help', which is an option"),
        ("zzz", "There are: sub/tool, sub/tool:latest, swiss"),
    ],
)
def test_unknown_images_are_refused(make_project: ProjectMaker, wanted: str, message: str) -> None:
    """With the nearest name, or all of them."""
    with pytest.raises(UsageError) as caught:
        labels(make_project, wanted)
    assert message in str(caught.value)


def test_without_a_default_the_choice_must_be_said(make_project: ProjectMaker) -> None:
    """Unless there is only one image."""
    one = {"dockerfiles/only/Dockerfile.j2": "FROM a"}
    assert make_project({}, one).select([])[0].label == "only:latest"
    with pytest.raises(
        UsageError, match=r"Say --image NAME or set buildx\.default to one of: only, two"
    ):
        make_project({}, {"dockerfiles/two/Dockerfile.j2": "FROM a"}).select([])


def test_a_project_without_images_says_where_they_go(make_project: ProjectMaker) -> None:
    """The first thing a newcomer needs to know."""
    with pytest.raises(UsageError, match=r"dockerfiles/NAME/Dockerfile\.j2"):
        make_project().select([])


def test_variants_with_one_tag_are_refused(make_project: ProjectMaker) -> None:
    """Each combination must have a name of its own."""
    settings = {"images": {"swiss": {"matrix": {"base": ["a", "b"]}}}}
    with pytest.raises(SettingsError, match="must use every key of its matrix"):
        _ = make_project(settings, FILES).images


def test_settings_for_an_image_that_is_not_there_are_refused(make_project: ProjectMaker) -> None:
    """A typo in the settings would otherwise be silently ignored."""
    with pytest.raises(SettingsError, match=r"images\.swis: .* Did you mean 'swiss'"):
        _ = make_project({"images": {"swis": {}}}, FILES).images


def test_an_impossible_tag_is_refused(make_project: ProjectMaker) -> None:
    """Rendered tags are checked as written ones are."""
    settings = {"images": {"swiss": {"tag": "{{ 'x' * 129 }}"}}}
    with pytest.raises(SettingsError, match="129 characters"):
        _ = make_project(settings, FILES).images
