"""How BuildKit's progress shows the instructions of a text, to know whose step a step is."""

import re

from e2b_dockerfile_utils import parse_dockerfile_ast


def instruction_patterns(text: str) -> list[re.Pattern[str]]:
    """What each instruction looks like in BuildKit's progress, with one blank between words.

    BuildKit shows it without backslashes, with the values of variables, and of a heredoc only
    the beginning (dockerfile2llb, processCmdEnv and summarizeHeredoc).
    """
    patterns = []
    for found in parse_dockerfile_ast(text).instructions:
        shown = " ".join(found.original.replace("\\", "").split())
        parts = (re.escape(part) for part in re.split(r"\$\{[^}]*\}|\$\w+", shown))
        patterns.append(re.compile(".*".join(parts) + (r" \(.*\)" if found.heredocs else "")))
    return patterns
