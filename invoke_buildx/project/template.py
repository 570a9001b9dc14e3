"""Dockerfile templates: Jinja, strict, the project's files first and the packaged ones second."""

import json
import re
import shlex
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension

from invoke_buildx.errors import TemplateError, nearest
from invoke_buildx.project.reference import slug

SUFFIX = ".j2"
MACROS = "macros"
SEARCHED = ("templates", "dockerfiles", "imports")
# `raw` blocks, comments and tags stay as they are; what follows is shell's, not Jinja's.
_SHELL = re.compile(
    r"(?P<jinja>\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|(?<!\$)\{#.*?#\}|\{%.*?%\}"
    r"|\{\{(?!-?\s*\.).*?\}\})(?P<end>\r?)"
    r"|\$\{#|\{\{|\r(?=\n)",
    re.DOTALL,
)


class ShellSafe(Extension):
    """Let `${#array[@]}`, `{{.Format}}` and CRLF line ends through to the Dockerfile.

    Jinja would read the first as a comment, refuse the second and drop the third's CR.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Escape shell's marks before Jinja sees them; line numbers stay."""
        return _SHELL.sub(_escape, source)


def _escape(found: re.Match[str]) -> str:
    jinja = found["jinja"]
    if jinja is None:
        return f"{{{{ {_literal(found[0])} }}}}"
    # The line end behind a block tag is trimmed together with the tag; its CR must go too.
    trimmed = not jinja.startswith("{{")
    return jinja if trimmed or not found["end"] else jinja + '{{ "\\r" }}'


class _Library(jinja2.BaseLoader):
    """Templates by their path below any of the searched folders, the first folder winning."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = [folder for folder in folders if folder.is_dir()]

    def get_source(
        self,
        environment: jinja2.Environment,  # noqa: ARG002
        template: str,
    ) -> tuple[str, str, Callable[[], bool]]:
        for folder in self.folders:
            path = folder / template
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                return self._source(path, verbatim=folder.name == "imports"), str(path), _is_new
        raise jinja2.TemplateNotFound(template)

    def _source(self, path: Path, verbatim: bool) -> str:
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError as problem:
            raise TemplateError(f"{path}: is not UTF-8 text ({problem.reason}).") from None
        # A helper script is the same text whether it is COPYed or included.
        if verbatim and path.suffix != SUFFIX:
            return f"{{{{ {_literal(text)} }}}}"
        return text

    def list_templates(self) -> list[str]:
        found = {
            path.relative_to(folder).as_posix()
            for folder in self.folders
            for path in folder.rglob("*")
            if path.is_file()
        }
        return sorted(found)


def _literal(text: str) -> str:
    """The text as a Jinja string in which nothing looks like the start or end of a tag."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted.replace("{", "\\u007b").replace("}", "\\u007d")


def _is_new() -> bool:
    return True


class Templates:
    """Renders the templates found below `roots`, the first root winning.

    `known` are names that every template may use besides its own values.
    """

    def __init__(self, roots: Iterable[Path], known: Mapping[str, Any]) -> None:
        self.library = _Library(root / name for root in roots for name in SEARCHED)
        self.environment = jinja2.Environment(
            loader=self.library,
            undefined=jinja2.StrictUndefined,
            extensions=[ShellSafe],
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - the result is a Dockerfile, never HTML
        )
        self.environment.filters.update(slug=slug, quote=lambda value: shlex.quote(str(value)))
        self.environment.globals.update(known)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The text of the template at that path. Raises `TemplateError` with file and line."""
        with self._explained(name, values):
            template = self.environment.get_template(name)
            return template.render({**self._macros(values), **values})

    def render_text(self, text: str, origin: str, values: Mapping[str, Any]) -> str:
        """A short template from the settings. Raises `TemplateError` that names `origin`."""
        with self._explained(origin, values):
            return self.environment.from_string(text).render(values)

    def _macros(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Every macro of every macro file by its name; an earlier root's file hides a later's."""
        files = {
            f"{MACROS}/{path.name}"
            for folder in self.library.folders
            for path in (folder / MACROS).glob(f"*{SUFFIX}")
        }
        macros: dict[str, Any] = {}
        for name in sorted(files):
            module = self.environment.get_template(name).make_module(dict(values))
            macros |= {key: value for key, value in vars(module).items() if key[0] != "_"}
        return macros

    @contextmanager
    def _explained(self, name: str, values: Mapping[str, Any]) -> Iterator[None]:
        """Turn Jinja's errors into one sentence with file and line."""
        try:
            yield
        except jinja2.TemplateSyntaxError as problem:
            where = f"{problem.filename or name}:{problem.lineno}"
            hint = nearest(_quoted(str(problem)), self.environment.filters)
            raise TemplateError(f"{where}: {problem.message}{hint}") from None
        except jinja2.TemplateNotFound as problem:
            hint = nearest(str(problem.name), self.library.list_templates())
            place = self._place(problem, name)
            raise TemplateError(f"{place}: there is no template '{problem.name}'.{hint}") from None
        except jinja2.UndefinedError as problem:
            hint = nearest(_quoted(str(problem)), self._names(values))
            raise TemplateError(f"{self._place(problem, name)}: {problem}.{hint}") from None
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as problem:
            raise TemplateError(f"{self._place(problem, name)}: {problem}") from None

    def _names(self, values: Mapping[str, Any]) -> set[str]:
        """Every name a template may use, and the attributes of those that have some."""
        attributes = (value for value in values.values() if isinstance(value, Mapping))
        return {*values, *self.environment.globals, *self._macros(values)}.union(*attributes)

    def _place(self, problem: BaseException, name: str) -> str:
        """`FILE:LINE` of the innermost template that was being rendered."""
        frames = traceback.extract_tb(problem.__traceback__)
        lines = [
            f"{frame.filename}:{frame.lineno}"
            for frame in frames
            if any(Path(frame.filename).is_relative_to(top) for top in self.library.folders)
        ]
        return lines[-1] if lines else name


def _quoted(message: str) -> str:
    """The last name in quotes in one of Jinja's messages: what was not found."""
    found: list[str] = re.findall(r"'([^']*)'", message)
    return found[-1] if found else ""
