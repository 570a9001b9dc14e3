"""Dockerfile templates: Jinja, strict, the project's files first and the packaged ones second."""

import json
import re
import shlex
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.ext import Extension

from invoke_buildx import __version__
from invoke_buildx.errors import TemplateError, nearest
from invoke_buildx.project.library import Library
from invoke_buildx.project.reference import slug

_VERSION = f"{__version__} {Path(__file__).stat().st_mtime_ns}"
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
        return f"{{{{ {_verbatim(found[0])} }}}}"
    # The line end behind a block tag is trimmed together with the tag; its CR must go too.
    trimmed = not jinja.startswith("{{")
    return jinja if trimmed or not found["end"] else jinja + '{{ "\\r" }}'


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates of earlier runs: what takes the time of rendering many."""

    def get_source_checksum(self, source: str) -> str:
        """What compiles differently in another version of this module is compiled anew."""
        return super().get_source_checksum(f"{_VERSION}{source}")


class _Asked(dict[str, Any]):
    """Values that remember which of them a template has looked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


class _Loader(jinja2.BaseLoader):
    """Lets Jinja find the library's files."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def get_source(
        self,
        environment: jinja2.Environment,  # noqa: ARG002
        template: str,
    ) -> tuple[str, str, Callable[[], bool]]:
        path = self.library.find(template)
        if path is None:
            raise jinja2.TemplateNotFound(template)
        text = self.library.text(path)
        # A helper script is the same text whether it is COPYed or included.
        if self.library.is_verbatim(path):
            text = f"{{{{ {_verbatim(text)} }}}}"
        return text, path, _is_new


class _Environment(jinja2.Environment):
    """Remembers the name of every template that is asked for, also of one that is missing."""

    asked: set[str]

    def get_template(self, name: Any, *args: Any, **kwargs: Any) -> jinja2.Template:
        self.asked.add(str(name))
        return super().get_template(name, *args, **kwargs)

    def select_template(self, names: Any, *args: Any, **kwargs: Any) -> jinja2.Template:
        self.asked.update(map(str, names))
        return super().select_template(names, *args, **kwargs)


def quote(value: object) -> str:
    """One word of a shell. Raises `ValueError` for what would end its line in a Dockerfile."""
    return shlex.quote(_one_line(value))


def literal(value: object) -> str:
    """One value of an instruction that expands variables, such as ENV, LABEL or COPY.

    In quotes, where `"`, `$` and the backslash mean themselves. Raises `ValueError` for a line end.
    """
    return '"' + re.sub(r'(["$\\])', r"\\\1", _one_line(value)) + '"'


def _one_line(value: object) -> str:
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a control character, which no line can hold")
    return text


def _fail(message: str) -> NoReturn:
    """For templates: end the rendering with this sentence."""
    raise ValueError(message)


def _verbatim(text: str) -> str:
    """The text as a Jinja string in which nothing looks like the start or end of a tag."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted.replace("{", "\\u007b").replace("}", "\\u007d")


def _is_new() -> bool:
    return True


class Templates:
    """Renders the templates of a library.

    `ref` is what templates call to name another image. `compiled` is a folder of this user's
    in which compiled templates are kept. `asked` and `refs` tell what the last rendering used:
    the templates by name, and the results of `ref`.
    """

    def __init__(
        self, library: Library, ref: Callable[[str], str], compiled: Path | None = None
    ) -> None:
        self.library = library
        self.environment = _Environment(
            loader=_Loader(library),
            undefined=jinja2.StrictUndefined,
            extensions=[ShellSafe],
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
            cache_size=-1,
            bytecode_cache=_Compiled(str(compiled)) if compiled else None,
        )
        self.asked = self.environment.asked = set[str]()
        self.refs: dict[str, str] = {}
        self._constant: dict[str, dict[str, Any]] = {}
        self.environment.filters.update(slug=slug, quote=quote, literal=literal)
        self.environment.globals.update(ref=self._ref(ref), fail=_fail)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The text of the template at that path. Raises `TemplateError` with file and line."""
        self.asked.clear()
        self.refs.clear()
        with self._explained(name, values):
            template = self.environment.get_template(name)
            return template.render({**self._macros(values), **values})

    def render_text(self, text: str, origin: str, values: Mapping[str, Any]) -> str:
        """A short template from the settings. Raises `TemplateError` that names `origin`."""
        with self._explained(origin, values):
            return self.environment.from_string(text).render(values)

    def _ref(self, ref: Callable[[str], str]) -> Callable[[str], str]:
        def remembered(name: str) -> str:
            self.refs[name] = ref(name)
            return self.refs[name]

        return remembered

    def _macros(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Every macro of every macro file by its name; an earlier root's file hides a later's."""
        macros: dict[str, Any] = {}
        for name in self.library.macro_files:
            macros |= self._constant.get(name) or self._made(name, values)
        return macros

    def _made(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The macros of one file; those that use no value of the image are made once only."""
        template, asked = self.environment.get_template(name), _Asked(values)
        asked.update(template.globals)
        module = template.make_module(asked, shared=True)
        made = {key: value for key, value in vars(module).items() if key[0] != "_"}
        if not asked.names & values.keys():
            self._constant[name] = made
        return made

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
            hint = nearest(str(problem.name), self.library.names())
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
