"""Images of this project: `invoke --list` shows what can be done with them.

Copy this file into any project, put a template at dockerfiles/NAME/Dockerfile.j2, and
`invoke build` builds it. Settings go into invoke.yaml beside this file, under `buildx`.
"""

from invoke_buildx import collection

namespace = collection()
