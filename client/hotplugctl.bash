# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Completion for hotplugctl(1). A test compares verbs and options with hotplugctl's own help.
#
# Names are asked of the service, which hotplugctl never starts: while it does not run there are none to offer. Listing
# needs no password.

# The table of a verb that lists something, without its header.
_hotplugctl_table ()
{
  hotplugctl "$1" --no-legend --quiet --no-ask-password --color=never --timeout=1 2> /dev/null
}

# Names of one kind, one a line.
_hotplugctl_names ()
{
  local line id

  case $1 in
    verbs)
      printf '%s\n' status ports devices vms assign unassign attach detach monitor reload explain version help
      ;;
    ports)
      # The stable names as well, once something is typed that tells which of the two is wanted.
      _hotplugctl_table ports | while read -r line id _; do
        printf '%s\n' "$line"
        [[ -z $2 ]] || printf '%s\n' "$id"
      done
      ;;
    devices)
      _hotplugctl_table devices | while read -r line _; do
        printf '%s\n' "$line"
      done
      ;;
    vms)
      # A name may have spaces in it; two of them end it.
      _hotplugctl_table vms | while IFS= read -r line; do
        printf '%s\n' "${line%%  *}"
      done
      ;;
  esac
}

# The options that go with a verb, and with all.
_hotplugctl_options ()
{
  printf '%s\n' --json= --no-legend --no-ask-password --quiet --timeout= --host= --color= --help --version -j -q -H -h
  case $1 in
    ports) printf '%s\n' --assigned --empty --vm= ;;
    devices) printf '%s\n' --vm= ;;
    assign) printf '%s\n' --reserve= ;;
    unassign) printf '%s\n' --reset ;;
  esac
}

# What the value of an option may be; fails for one that takes none. $2: nobody is to be asked.
_hotplugctl_value ()
{
  case $1 in
    --json) printf '%s\n' short pretty off ;;
    --color) printf '%s\n' auto always never ;;
    --reserve) printf '%s\n' while-running always never ;;
    --vm) [[ -n $2 ]] || _hotplugctl_names vms ;;
    --host | -H) compgen -A hostname || true ;;
    --timeout) ;;
    *) return 1 ;;
  esac
}

# What argument number $2 of verb $1 may be; $3 is what is typed of it.
_hotplugctl_argument ()
{
  case $1:$2 in
    assign:1 | unassign:1) _hotplugctl_names ports "$3" ;;
    assign:2) printf '%s\n' host && _hotplugctl_names vms ;;
    attach:1 | detach:1) _hotplugctl_names devices ;;
    attach:2) _hotplugctl_names vms ;;
    explain:1) _hotplugctl_names ports "$3" && _hotplugctl_names devices && _hotplugctl_names vms ;;
    help:1) _hotplugctl_names verbs ;;
  esac
}

# Puts the lines of stdin that go on from $1 into COMPREPLY.
_hotplugctl_offer ()
{
  local typed=$1 broken='' line

  # For readline a new word begins after a colon: what stands before is not to be said again.
  [[ $COMP_WORDBREAKS != *:* ]] || broken=${typed%"${typed##*:}"}
  while IFS= read -r line; do
    [[ $line == "$typed"* && -n $line ]] || continue
    [[ $line != *= ]] || compopt -o nospace
    printf -v line '%q' "${line#"$broken"}"
    COMPREPLY+=("$line")
  done
}

_hotplugctl ()
{
  local -a words
  local line=${COMP_LINE:0:COMP_POINT} cur='' verb='' remote='' ended='' option='' word
  local -i count=0

  COMPREPLY=()
  # Words as the shell sees them: those of readline are broken at ":" and "=". A backslash joins what it stands between.
  # shellcheck disable=SC2162
  read -a words <<< "$line"
  if [[ $line != *[[:space:]] || $line == *\\[[:space:]] ]]; then
    cur=${words[-1]}
    unset 'words[-1]'
  fi
  for word in "${words[@]:1}"; do
    if [[ -n $option ]]; then
      option=''
    elif [[ -n $ended || $word != -* ]]; then
      [[ -n $verb ]] && count+=1
      verb=${verb:-$word}
    elif [[ $word == -- ]]; then
      ended=1
    else
      [[ $word != --host* && $word != -H* ]] || remote=1
      # One whose value is the next word.
      _hotplugctl_value "$word" 1 > /dev/null && option=$word
    fi
  done

  if [[ -n $option ]]; then
    _hotplugctl_offer "$cur" < <(_hotplugctl_value "$option" "$remote")
  elif [[ -z $ended && $cur == --*=* ]]; then
    _hotplugctl_offer "${cur#*=}" < <(_hotplugctl_value "${cur%%=*}" "$remote")
  elif [[ -z $ended && $cur == -* ]]; then
    _hotplugctl_offer "$cur" < <(_hotplugctl_options "$verb")
  elif [[ -z $verb ]]; then
    _hotplugctl_offer "$cur" < <(_hotplugctl_names verbs)
  elif [[ -z $remote || $verb == help ]]; then
    _hotplugctl_offer "$cur" < <(_hotplugctl_argument "$verb" $((count + 1)) "$cur")
  fi
}

complete -F _hotplugctl hotplugctl
