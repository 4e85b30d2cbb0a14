# What a script says of itself, and how it refuses what it does not know: before it does anything.
# Sourced, by sh too, in the project's root. The help is the script's own opening comment.

# usage: prints it.
usage() {
  sed -n -e 1d -e '/^#/!q' -e 's/^# \{0,1\}//p' "scripts/${0##*/}"
}

# refuse WORD...: the words as a message, and exit status 2.
refuse() {
  program=${0##*/}
  echo "${program%.sh}: $*; scripts/$program --help lists what it takes" >&2
  exit 2
}

# help_asked WORD...: prints the help and ends when one of the words asks for it.
help_asked() {
  for word in "$@"; do
    case $word in
      -h | --help)
        usage
        exit 0
        ;;
    esac
  done
}
