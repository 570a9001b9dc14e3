#!/bin/sh
# append_groups.sh USER [NAME:GID | NAME]...: put the user, a name or a uid, into these groups.
#
# A group of that number is joined under the name it has here, since only numbers count on a
# bind mount; a missing one is made. A NAME alone that the image does not have is made with the
# next free number. Running it twice changes nothing.
set -euf

# What would mean something to the account files, a path or a shell.
odd=':,/;$`"*?<>|&(){}!#~=%^'\'
newline='
'
fail() {
    printf 'append_groups: %s\n' "$*" >&2
    exit 1
}

# plain_id TEXT: the number without leading zeros; 2^32-1 means "no id" to the kernel.
plain_id() {
    id=$1
    case $id in '' | *[!0-9]*) fail "'$id' is no numeric id" ;; esac
    while [ "$id" != 0 ] && [ "${id#0}" != "$id" ]; do id=${id#0}; done
    case $id in ???????????*) fail "'$id' is larger than any id" ;; esac
    [ "$id" -le 4294967294 ] || fail "'$id' is larger than any id"
    printf '%s\n' "$id"
}

# name_of FILE ID: the name on the first line of passwd or group with that number.
name_of() {
    while IFS=: read -r name _ number _ || [ -n "$name" ]; do
        if [ "$number" = "$2" ]; then
            printf '%s\n' "$name"
            return
        fi
    done < "$1"
}

# has FILE NAME: whether passwd or group has a line of that name.
has() {
    while IFS=: read -r held _ || [ -n "$held" ]; do
        [ "$held" != "$2" ] || return 0
    done < "$1"
    return 1
}

# rewrite FILE EDIT [LAST]: let EDIT change the variable `line` for each line of the file, if it
# exists, and append the line LAST.
rewrite() {
    [ -e "$1" ] || return 0
    text=
    while IFS= read -r line || [ -n "$line" ]; do
        "$2"
        text=$text$line$newline
    done < "$1"
    printf '%s%s' "$text" "${3:+$3$newline}" > "$1"
}

# Edit for rewrite: $user is among the members of $group.
join() {
    members=,${line##*:},
    case $line:$members in
        *,"$user",*) ;;
        "$group":*:,,) line=$line$user ;;
        "$group":*) line=$line,$user ;;
    esac
}

[ $# -ge 1 ] || fail "usage: append_groups.sh USER [NAME:GID]..."
user=$1
shift
for file in /etc/passwd /etc/group; do
    [ -e "$file" ] || fail "the image has no $file, so make the user first"
done
[ -w /etc/group ] || fail "only root can do this, so put USER root before it"
# As docker reads a USER, a number is a uid.
case $user in
    '' | *[!0-9]*) ;;
    *)
        known=$(plain_id "$user")
        known=$(name_of /etc/passwd "$known")
        user=${known:-$user}
        ;;
esac
case $user in
    '' | *[:,]* | *[[:cntrl:]]*) fail "'$user' is nobody who can join a group" ;;
esac

for entry in "$@"; do
    name=${entry%%:*}
    case $name in
        '' | [-+]* | *' '* | *[[:cntrl:]]* | *["$odd"]* | *'['* | *']'*)
            fail "'$entry' is not NAME:GID" ;;
    esac
    if [ "$name" != "$entry" ]; then
        gid=$(plain_id "${entry#"$name":}")
        group=$(name_of /etc/group "$gid")
        ! has /etc/group "$name" || name=g$gid
        while has /etc/group "$name"; do name=${name}_; done
    else
        group=
        ! has /etc/group "$name" || group=$name
        gid=1000
        while [ -n "$(name_of /etc/group "$gid")" ]; do gid=$((gid + 1)); done
    fi
    if [ -z "$group" ]; then
        group=$name
        rewrite /etc/group : "$group:x:$gid:"
        rewrite /etc/gshadow : "$group:!::"
    fi
    rewrite /etc/group join
    rewrite /etc/gshadow join
done
