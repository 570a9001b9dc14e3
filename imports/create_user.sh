#!/bin/sh
# create_user.sh UID GID USERNAME GROUPNAME: make that account, whatever the image has already.
#
# It edits the account files itself: useradd and adduser differ between distributions, refuse
# names and numbers that are real elsewhere, and some write logs as long as the uid is large.
# An account that holds the uid is renamed and keeps its files; one that holds the name gives
# way by getting its number appended. Running it twice changes nothing.
set -euf

fail() {
    echo "create_user: $*" >&2
    exit 1
}

[ $# -eq 4 ] || fail "usage: create_user.sh UID GID USERNAME GROUPNAME"
new_uid=$1 new_gid=$2 new_user=$3 new_group=$4

for number in "$new_uid" "$new_gid"; do
    case $number in '' | *[!0-9]* | ???????????*) fail "'$number' is no numeric id" ;; esac
    [ "$number" -le 4294967294 ] || fail "'$number' is larger than any id"
done
for name in "$new_user" "$new_group"; do
    case $name in
        '' | -* | *[!A-Za-z0-9_.-]*) fail "'$name' is no name of letters, digits, _ . and -" ;;
    esac
done
[ -w /etc ] || fail "only root can do this, so put USER root before it"

# name_of FILE ID: the name on the first line of passwd or group with that number.
name_of() {
    while IFS=: read -r name _ number _ || [ -n "$name" ]; do
        if [ "$number" = "$2" ]; then
            echo "$name"
            return
        fi
    done < "$1"
}

# id_of FILE NAME: the number on the line of passwd or group with that name.
id_of() {
    while IFS=: read -r name _ number _ || [ -n "$name" ]; do
        if [ "$name" = "$2" ]; then
            echo "$number"
            return
        fi
    done < "$1"
}

# rewrite FILE EDIT: let EDIT change the variable `line` for each line of the file, if it exists.
rewrite() {
    [ -e "$1" ] || return 0
    text=
    while IFS= read -r line || [ -n "$line" ]; do
        "$2"
        text="$text$line
"
    done < "$1"
    printf %s "$text" > "$1"
}

# Edits for rewrite, from $old to $new: the name of a line, one of its members, a whole account.
edit_name() {
    case $line in "$old":*) line=$new:${line#*:} ;; esac
}
edit_member() {
    members=,${line##*:},
    case $members in
        *,"$old",*)
            members=${members%%,"$old",*},$new,${members#*,"$old",}
            members=${members#,}
            line=${line%:*}:${members%,}
            ;;
    esac
}
edit_account() {
    case $line in "$new_user":*) line=$account ;; esac
}

rename_user() {
    old=$1 new=$2
    for file in /etc/passwd /etc/shadow /etc/subuid /etc/subgid; do rewrite "$file" edit_name; done
    for file in /etc/group /etc/gshadow; do rewrite "$file" edit_member; done
}

rename_group() {
    old=$1 new=$2
    for file in /etc/group /etc/gshadow; do rewrite "$file" edit_name; done
}

for file in /etc/passwd /etc/group; do
    [ -e "$file" ] || : > "$file"
done

# The primary group: a person's group with that number takes the new name; a system group and
# a name that is taken stay as they are, since only the number counts on a bind mount.
old_group=$(name_of /etc/group "$new_gid")
taken=$(id_of /etc/group "$new_group")
if [ -z "$old_group" ]; then
    [ -z "$taken" ] || new_group=g$new_gid
    echo "$new_group:x:$new_gid:" >> /etc/group
    if [ -e /etc/gshadow ]; then echo "$new_group:!::" >> /etc/gshadow; fi
elif [ "$new_gid" -ge 1000 ] && [ -z "$taken" ]; then
    rename_group "$old_group" "$new_group"
fi

# The name: whoever has it with another number gives it up.
taken=$(id_of /etc/passwd "$new_user")
if [ -n "$taken" ] && [ "$taken" != "$new_uid" ]; then
    [ "$taken" != 0 ] || fail "the name '$new_user' belongs to the superuser"
    rename_user "$new_user" "$new_user-$taken"
    taken=
fi

# The number: whoever has it is taken over, home and all; the superuser gets a second name.
home=/home/$new_user
old_user=$(name_of /etc/passwd "$new_uid")
if [ "$new_uid" = 0 ]; then
    [ "$new_user" != root ] || home=/root
elif [ -n "$old_user" ] && [ -z "$taken" ]; then
    rename_user "$old_user" "$new_user"
    taken=$new_uid
    if [ -d "/home/$old_user" ] && [ ! -e "$home" ]; then mv "/home/$old_user" "$home"; fi
fi

shell=/bin/sh
[ ! -x /bin/bash ] || shell=/bin/bash
account="$new_user:x:$new_uid:$new_gid::$home:$shell"
if [ -n "$taken" ]; then
    rewrite /etc/passwd edit_account
else
    echo "$account" >> /etc/passwd
fi

# sudo refuses an account that has no line here, even one that needs no password.
if [ -e /etc/shadow ]; then
    listed=
    while IFS=: read -r name _ || [ -n "$name" ]; do
        [ "$name" != "$new_user" ] || listed=yes
    done < /etc/shadow
    [ -n "$listed" ] || echo "$new_user:*:19000:0:99999:7:::" >> /etc/shadow
fi

mkdir -p "$home"
if [ -d /etc/skel ]; then cp -R /etc/skel/. "$home/"; fi
chown -R "$new_uid:$new_gid" "$home"
