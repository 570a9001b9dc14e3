#!/bin/sh
# create_user.sh UID GID USERNAME GROUPNAME: make that account, whatever the image has already.
#
# It edits the account files itself: useradd and adduser differ between distributions, refuse
# names and numbers that are real elsewhere, and some write logs as long as the uid is large.
# No account is lost: one that has the uid keeps its line, behind ours, as a second name for it,
# and one that has the name gets its number appended. Running it twice changes nothing.
set -euf

newline='
'
fail() {
    printf 'create_user: %s\n' "$*" >&2
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

# check_name TEXT: refuse what would mean something to the account files, a path or a shell.
odd=':,/;$`"*?<>|&(){}!#~=%^'\'
check_name() {
    case $1 in
        '' | . | .. | [-+\ ]* | *' ' | *[[:cntrl:]]* | *["$odd"]* | *'['* | *']'*)
            fail "'$1' cannot be the name of an account" ;;
    esac
    [ ${#1} -le 200 ] || fail "'$1' is too long for the name of an account"
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

# id_of FILE NAME: the number on the line of passwd or group with that name.
id_of() {
    while IFS=: read -r name _ number _ || [ -n "$name" ]; do
        if [ "$name" = "$2" ]; then
            printf '%s\n' "$number"
            return
        fi
    done < "$1"
}

# free_name FILE NAME: that name, with marks behind it as long as somebody has it.
free_name() {
    wanted=$2
    while [ -n "$(id_of "$1" "$wanted")" ]; do wanted=${wanted}_; done
    printf '%s\n' "$wanted"
}

# put FILE LINE: the line replaces the one of its name, and stands ahead of all with its
# number, because the first one wins.
put() {
    number=${2#*:*:}
    number=${number%%:*}
    text='' ahead=$2$newline
    while IFS= read -r line || [ -n "$line" ]; do
        other=${line#*:*:}
        if [ "${other%%:*}" = "$number" ]; then
            text=$text$ahead
            ahead=
        fi
        case $line in "${2%%:*}":*) ;; *) text=$text$line$newline ;; esac
    done < "$1"
    printf %s "$text$ahead" > "$1"
}

# add FILE LINE: append the line, unless the file has one of that name or does not exist.
add() {
    [ -e "$1" ] || return 0
    text=
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in "${2%%:*}":*) return 0 ;; esac
        text=$text$line$newline
    done < "$1"
    printf '%s%s\n' "$text" "$2" > "$1"
}

# rewrite FILE EDIT: let EDIT change the variable `line` for each line of the file, if it exists.
rewrite() {
    [ -e "$1" ] || return 0
    text=
    while IFS= read -r line || [ -n "$line" ]; do
        "$2"
        text=$text$line$newline
    done < "$1"
    printf %s "$text" > "$1"
}

# Edits for rewrite, from $old to $new: the name of a line with its home, one of its members.
edit_name() {
    case $line in "$old":*) ;; *) return 0 ;; esac
    line=$new:${line#*:}
    case $line in
        *":/home/$old:"*) line=${line%":/home/$old:"*}:/home/$new:${line##*":/home/$old:"} ;;
    esac
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

# give_way USER NEW: an account with its home and its memberships gets another name.
give_way() {
    old=$1 new=$2
    for file in /etc/passwd /etc/shadow /etc/subuid /etc/subgid; do rewrite "$file" edit_name; done
    for file in /etc/group /etc/gshadow; do rewrite "$file" edit_member; done
    if [ -d "/home/$old" ] && [ ! -e "/home/$new" ]; then mv "/home/$old" "/home/$new"; fi
}

[ $# -eq 4 ] || fail "usage: create_user.sh UID GID USERNAME GROUPNAME"
new_uid=$(plain_id "$1")
new_gid=$(plain_id "$2")
new_user=$3 new_group=$4
check_name "$new_user"
check_name "$new_group"
for tool in mkdir mv cp chown ls; do
    command -v "$tool" > /dev/null || fail "the image has no '$tool', so it cannot hold a home"
done
[ -d /etc ] || mkdir /etc || fail "/etc cannot be made"
[ -w /etc ] || fail "only root can do this, so put USER root before it"
# Where there are no accounts at all, later instructions still want to be root.
[ -e /etc/passwd ] || echo 'root:*:0:0:root:/root:/bin/sh' > /etc/passwd
[ -e /etc/group ] || echo 'root:x:0:' > /etc/group

# The primary group: system groups keep their names, since a bind mount counts numbers only.
known=$(name_of /etc/group "$new_gid")
taken=$(id_of /etc/group "$new_group")
if [ -n "$known" ] && { [ "$new_gid" -lt 1000 ] || [ -n "$taken" ]; }; then
    new_group=$known
elif [ -n "$taken" ]; then
    new_group=$(free_name /etc/group "g$new_gid")
fi
if [ "$new_group" != "$known" ]; then
    put /etc/group "$new_group:x:$new_gid:"
    add /etc/gshadow "$new_group:!::"
fi

# The account. The superuser is always found under its own name, so another is only added.
shell=/bin/sh
[ ! -x /bin/bash ] || shell=/bin/bash
secret='*'
[ ! -e /etc/shadow ] || secret=x
home=/home/$new_user
if [ "$new_uid" = 0 ]; then
    home=/root
    add /etc/passwd "$new_user:$secret:0:$new_gid::$home:$shell"
    root=$(name_of /etc/passwd 0)
    put /etc/passwd "$root:$secret:0:$new_gid:root:$home:$shell"
else
    taken=$(id_of /etc/passwd "$new_user")
    if [ "$taken" = 0 ]; then
        new_user=$new_user-$new_uid
        home=/home/$new_user
    elif [ -n "$taken" ] && [ "$taken" != "$new_uid" ]; then
        give_way "$new_user" "$(free_name /etc/passwd "$new_user-$taken")"
    fi
    put /etc/passwd "$new_user:$secret:$new_uid:$new_gid::$home:$shell"
fi
# sudo refuses an account that has no line here, even one that needs no password.
add /etc/shadow "$new_user:*:19000:0:99999:7:::"

# The home: what is there already is never overwritten.
mkdir -p "$home"
set +f
for file in /etc/skel/* /etc/skel/.[!.]* /etc/skel/..?*; do
    copy=$home/${file##*/}
    if [ -e "$file" ] && [ ! -e "$copy" ] && [ ! -L "$copy" ]; then
        cp -RP "$file" "$copy"
        chown -hR "$new_uid:$new_gid" "$copy"
    fi
done
set -f
# shellcheck disable=SC2012 # stat and find are not everywhere
owner=$(ls -nd "$home" | while read -r _ _ uid gid _; do printf '%s\n' "$uid:$gid"; done)
[ "$owner" = "$new_uid:$new_gid" ] || chown -hR "$new_uid:$new_gid" "$home"
