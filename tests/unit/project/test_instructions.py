"""Instructions as BuildKit's progress shows them."""

from invoke_buildx.project.instructions import instruction_patterns


def test_patterns_know_an_instruction_as_buildkit_shows_it() -> None:
    """Without backslashes, with values, and of a heredoc the beginning."""
    text = 'FROM a\nENV V=1\nRUN echo \\\n  "\\"q\\"" $V\nRUN <<EOF\nlong\ntext\nEOF\n'
    patterns = instruction_patterns(text)
    for shown in ("FROM a", 'RUN echo ""q"" 1', "RUN <<EOF (long...)"):
        assert any(pattern.fullmatch(shown) for pattern in patterns), shown
    assert not any(pattern.fullmatch("RUN echo other") for pattern in patterns)
