"""The page of a registry as a person sees it, in a real browser."""

import ctypes
import http.client
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from engine_world import BASE, Folder, World, docker, free_port
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from registries import a_registry, a_site, small_image

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.install import install

# What an attacker's name server would say.
REBINDING = "--host-resolver-rules=MAP evil.test 127.0.0.1"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium without a screen, installed if need be."""
    missing = [] if shutil.which("chromium") else ["chromium"]
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        missing.append("libatomic1")  # what Playwright's Node wants and does not bring
    if missing:
        install(Machine(), *missing)
    arguments = [REBINDING, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shelf() -> Iterator[str]:
    """A registry for these tests; each uses repositories of its own."""
    with a_registry() as host:
        yield host


@contextmanager
def served(folder: Folder, *words: str, browser: str = "") -> Iterator[str]:
    """The address of the page while it is served; Ctrl-C ends it in peace."""
    with folder.started(
        "registry.browse", *words, until=b"done in", environ={"BROWSER": browser, "DISPLAY": ""}
    ) as running:
        assert running.stderr
        try:
            line = running.stderr.readline().decode()
            yield next(word for word in line.split() if word.startswith("http://"))
        finally:
            running.send_signal(signal.SIGINT)
            code = running.wait()
    assert code == 0


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty tab; nothing may go wrong in it unseen, and it asks nobody outside."""
    tab = chromium.new_page(viewport={"width": 1200, "height": 900})
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    tab.on("request", lambda asked: None if "127.0.0.1" in asked.url else faults.append(asked.url))
    yield tab
    tab.close()
    assert [one for one in faults if "favicon" not in one] == []


def of_repository(page: Page, name: str) -> Locator:
    """The part of a page that is about one repository."""
    return page.locator(f'.shelf[data-text^="{name} "]')


def test_the_page_shows_registry_and_project(folder: Folder, world: World, page: Page) -> None:
    """The images as a picture with their state, and each tag with a strip of its layers."""
    folder.image("seen", f"FROM {BASE}\nRUN echo seen > /seen\n")
    folder.image("unseen", 'FROM {{ ref("seen") }}\nRUN echo unseen > /unseen\n')
    folder.inv("build", "--image", "seen")
    with served(folder) as address:
        page.goto(address)
        picture = page.locator("svg.picture")
        expect(picture.locator("g.current")).to_contain_text("seen:latest")
        expect(picture.locator("g.absent")).to_contain_text("unseen:latestnot built, not pushed")
        expect(picture.locator("path")).to_have_count(1)
        shelf = of_repository(page, f"{world.namespace}/seen")
        shelf.locator("summary").click()
        expect(shelf.locator("tr").nth(1)).to_contain_text("latest")
        expect(shelf.locator(".strip rect")).to_have_count(2)
        expect(shelf.locator("td.current")).to_have_text("current")


def test_the_persons_browser_is_opened_without_the_secret(folder: Folder, shelf: str) -> None:
    """Other users can see what a program is started with, so that address is good once."""
    script = folder.write("browser", '#!/bin/sh\necho "$1" > opened\n')
    script.chmod(0o755)
    with served(folder, "--registry", shelf, browser=f"{script} %s") as address:
        shown = urlsplit(address)
        # Nothing is answered before the browser has been started.
        assert answer_of(shown.netloc, "/")[0] == 404
        asking = urlsplit((folder.path / "opened").read_text().strip())
        answers = [answer_of(asking.netloc, asking.path) for _ in range(2)]
    assert [status for status, _ in answers] == [303, 404]
    assert answers[0][1] == shown.path


def answer_of(host: str, path: str) -> tuple[int, str]:
    """Status and location of what is answered there."""
    asking = http.client.HTTPConnection(host)
    asking.request("GET", path)
    answer = asking.getresponse()
    asking.close()
    return answer.status, answer.headers.get("Location", "")


def test_it_is_searched_and_used_by_keys(folder: Folder, shelf: str, page: Page) -> None:
    """A slash, words, arrows, Enter, Escape."""
    for name in ("keys/alpha", "keys/beta", "keys/gamma"):
        small_image(Registry(shelf), name, f"tag-of-{name[5:]}")
    with served(folder, "--registry", shelf) as address:
        page.goto(address)
        page.keyboard.press("/")
        page.keyboard.type("KEYS of-beta")
        expect(page.locator(".shelf:visible")).to_have_count(1)
        expect(page.locator("#found")).to_contain_text("1 of")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_text("tag-of-beta", exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        expect(of_repository(page, "keys/gamma")).to_be_visible()


def test_dark_and_light(folder: Folder, shelf: str, chromium: Browser) -> None:
    """As the person's desktop is."""
    with served(folder, "--registry", shelf) as address:
        colours = []
        for scheme in ("light", "dark"):
            tab = chromium.new_page(color_scheme=scheme)
            tab.goto(address)
            colours.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
            tab.close()
    assert colours == ["rgb(255, 255, 255)", "rgb(21, 24, 29)"]


def test_a_tag_is_deleted_after_a_question(folder: Folder, shelf: str, chromium: Browser) -> None:
    """Only the chosen one, also where a browser runs no scripts; no is no."""
    registry = Registry(shelf)
    for tag in ("drop", "keep"):
        small_image(registry, "del/some", tag, tag)
    plain = chromium.new_page(java_script_enabled=False)
    with served(folder, "--registry", shelf) as address:
        plain.goto(address)
        some = of_repository(plain, "del/some")
        some.locator("summary").click()
        some.get_by_label("drop").check()
        some.get_by_role("button").click()
        expect(plain.locator("h1")).to_have_text(re.compile("^Delete from localhost:"))
        expect(plain.locator("table")).to_contain_text("del/some:drop")
        plain.get_by_role("link", name="Keep").click()
        assert registry.tags("del/some") == ["drop", "keep"]
        plain.go_back()
        plain.get_by_role("button", name="Delete").click()
        expect(plain.get_by_role("status").first).to_have_text("Deleted: del/some:drop.")
        expect(of_repository(plain, "del/some")).to_contain_text("1 tag")
        assert registry.tags("del/some") == ["keep"]
    plain.close()


def test_what_has_changed_since_the_question_stays(
    folder: Folder, shelf: str, chromium: Browser
) -> None:
    """Somebody may have pushed meanwhile."""
    registry = Registry(shelf)
    small_image(registry, "del/moved", "1", "old")
    page = chromium.new_page()
    with served(folder, "--registry", shelf) as address:
        page.goto(f"{address}delete?repository=del/moved&tag=1")
        made = small_image(registry, "del/moved", "1", "new")
        with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            page.get_by_role("button", name="Delete").click()
        assert answered.value.status == 400
        expect(page.locator("p")).to_contain_text("is not what it was")
        assert registry.digest("del/moved", "1") == made.digest
    page.close()


def test_another_site_can_neither_read_nor_delete(
    folder: Folder, shelf: str, chromium: Browser
) -> None:
    """Not even one that knows the address, nor by a name that it has pointed to this machine."""
    made = small_image(Registry(shelf), "del/safe", "1")
    with served(folder, "--registry", shelf) as address, a_site("") as elsewhere:
        tab = chromium.new_page()
        found = tab.goto(address.replace("127.0.0.1", "evil.test"))
        assert found
        assert found.status == 403
        tab.goto(elsewhere)
        tab.set_content(
            f"<form method=post action='{address}delete'><input name=repository value=del/safe>"
            f"<input name=image value='1@{made.digest}'><button>x</button></form>"
        )
        with tab.expect_response(lambda answer: answer.request.method == "POST") as answered:
            tab.get_by_role("button").click()
        assert answered.value.status == 403
        tab.goto(elsewhere)
        with tab.expect_event("requestfailed") as refused:
            tab.set_content(f"<iframe src='{address}'></iframe>")
        assert refused.value.url == address
        tab.close()
    assert Registry(shelf).digest("del/safe", "1") == made.digest


def test_only_this_machine_can_ask(folder: Folder, shelf: str) -> None:
    """And nobody without the secret; too large a form is not read."""
    port = free_port()
    with served(folder, "--registry", shelf, "--port", str(port)) as address:
        assert urlsplit(address).port == port
        # Who listens on every address of the machine would answer there too.
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=5)
        failed = folder.inv("registry.browse", "--port", str(port), code=1)
        assert f"Nothing can listen on port {port}" in failed.stderr
        failed = folder.inv("registry.browse", "--port", "70000", "--registry", shelf, code=1)
        assert "Nothing can listen on port 70000" in failed.stderr
        asking = http.client.HTTPConnection("127.0.0.1", port)
        asking.request("POST", "/", headers={"Content-Length": str(1 << 30)})
        assert asking.getresponse().status == 413
        asking.close()


def test_the_seeds_browser_container_sees_this_machine_only(folder: Folder, world: World) -> None:
    """Docker Hub cannot be had everywhere, so a stand-in tells how it was started."""
    name = "klausmeyer/docker-registry-browser"
    dry = folder.inv("--dry", "registry.browse", "--container").stdout
    assert f"--env SECRET_KEY_BASE --env DOCKER_REGISTRY_URL=http://{world.registry} {name}" in dry
    if docker("images", "--quiet", name):
        return
    folder.write("Dockerfile", f"FROM {BASE}\nCMD printenv ADDRESS PORT SECRET_KEY_BASE\n")
    docker("build", "--tag", name, "--file", str(folder.path / "Dockerfile"), str(folder.path))
    try:
        said = folder.inv("registry.browse", "--container", "--port", "8123")
        address, port, key = said.stdout.split()
        assert (address, port, len(key)) == ("127.0.0.1", "8123", 128)
        assert "http://127.0.0.1:8123/" in said.stderr
    finally:
        docker("rmi", name)
