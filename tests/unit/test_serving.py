"""Who is answered by the server of a registry's page, before anything is read."""

import pytest
from projects import ProjectMaker

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.serving import Reply, Request, Site

HERE = "127.0.0.1:4000"


@pytest.fixture
def site(make_project: ProjectMaker) -> Site:
    """The pages of a registry that does not answer."""
    return Site(make_project(), Machine(), Registry("localhost:1"))


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> Reply:
    """Ask with these headers, with the host that a browser would name."""
    return site.answer(Request(method, path, {"Host": HERE, **headers}))


def test_only_our_own_names_are_answered(site: Site) -> None:
    """A name of somebody else's that leads to this machine is not (DNS rebinding)."""
    path = f"/{site.secret}/nothing"
    for host in ("evil.example:4000", "evil.example", "127.0.0.1.evil.example:4000", ""):
        assert ask(site, path, Host=host).status == 403, host
    for host in (HERE, "localhost:4000", "[::1]:4000", "localhost"):
        assert ask(site, path, Host=host).status == 404, host


def test_a_form_of_another_site_is_refused(site: Site) -> None:
    """Also of a page without an origin, such as one in a sandbox."""
    path = f"/{site.secret}/nothing"
    for origin in ("https://evil.example", "http://127.0.0.1:4001", "null"):
        assert ask(site, path, "POST", Origin=origin).status == 403, origin
    assert ask(site, path, "POST", Origin=f"http://{HERE}").status == 404


def test_without_the_secret_there_is_nothing(site: Site) -> None:
    """Neither pages nor a hint what is asked for."""
    paths = ("/", "/favicon.ico", f"/{site.secret[:-1]}/", "//", f"/x/{site.secret}/", "/\u00fc/")
    for path in paths:
        assert ask(site, path).status == 404, path
        assert site.secret not in ask(site, path).page


def test_a_ticket_is_good_once(site: Site) -> None:
    """It leads to the page, and then nowhere."""
    path = f"/{site.ticket}"
    assert ask(site, path) == Reply(303, location=f"/{site.secret}/")
    assert ask(site, path).status == 404
    assert ask(site, "/").status == 404


def test_a_registry_that_does_not_answer_is_a_page(site: Site) -> None:
    """With the sentence that a terminal would show."""
    reply = ask(site, f"/{site.secret}/delete?repository=a/b&amp;tag=1")
    assert reply.status == 502
    assert "The registry localhost:1 cannot be reached" in reply.page


def test_a_form_that_says_nothing_is_refused(site: Site) -> None:
    """Before the registry is asked."""
    for method in ("GET", "POST"):
        assert ask(site, f"/{site.secret}/delete", method).status == 400
