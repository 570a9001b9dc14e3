# shellcheck shell=bash
# Read by ~/.bashrc of the user that an image is made for.

# Keep the environment, proxies above all, when becoming root.
alias sudo='sudo -E'
alias ls='ls --color=auto'

# The prompt says which image this is.
PS1='\[\e[1;36m\]${DOCKER_IMAGE_NAME:-container}\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
