#!/bin/sh
# append_groups.sh USERNAME [NAME:GID | NAME]...: put the user into these groups.
#
# A group of that number is joined under the name it has here, since only numbers count on a
# bind mount; a missing one is made. A NAME alone that the image does not have is made with the
# next free number. Running it twice changes nothing.
set -euf

fail() {
    echo "append_groups: $*" >&2
    exit 1
}

[ $# -ge 1 ] || fail "usage: append_groups.sh USERNAME [NAME:GID]..."
user=$1
shift

# find_group NAME GID: the name of the group that has that name or that number.
find_group() {
    while IFS=: read -r known _ gid _ || [ -n "$known" ]; do
        if [ "$known" = "$1" ] || [ "$gid" = "$2" ]; then
            echo "$known"
            return
        fi
    done < /etc/group
}

# join FILE GROUP: add the user to the members of that group, if the file lists it.
join() {
    [ -e "$1" ] || return 0
    text=
    while IFS= read -r line || [ -n "$line" ]; do
        members=,${line##*:},
        case $line:$members in
            *,"$user",*) ;;
            "$2":*:,,) line=$line$user ;;
            "$2":*) line=$line,$user ;;
        esac
        text="$text$line
"
    done < "$1"
    printf %s "$text" > "$1"
}

for entry in "$@"; do
    name=${entry%%:*}
    number=${entry#"$name"}
    number=${number#:}
    case $name in
        '' | -* | *[!A-Za-z0-9_.-]*) fail "'$entry' is not NAME:GID: letters, digits, _ . and -" ;;
    esac
    case $number in *[!0-9]* | ???????????*) fail "'$entry' is not NAME:GID: no numeric id" ;; esac
    if [ -n "$number" ]; then
        group=$(find_group '' "$number")
        [ -z "$(find_group "$name" '')" ] || name=g$number
    else
        group=$(find_group "$name" '')
        number=1000
        while [ -n "$(find_group '' "$number")" ]; do number=$((number + 1)); done
    fi
    if [ -z "$group" ]; then
        group=$name
        echo "$group:x:$number:" >> /etc/group
        if [ -e /etc/gshadow ]; then echo "$group:!::" >> /etc/gshadow; fi
    fi
    join /etc/group "$group"
    join /etc/gshadow "$group"
done
