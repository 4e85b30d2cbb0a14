# Whether this machine has the Node that the scripts need; sourced, by sh too, in the project's root.

# need_node: ends the script, before it installs or builds anything, with what is missing and what to type.
need_node() {
  found=$(node --version 2>/dev/null) || found=
  major=${found#v}
  major=${major%%.*}
  case $major in '' | *[!0-9]*) major=0 ;; esac
  if [ "$major" -lt 20 ]; then
    lacks="needs Node 20 or later, and here is ${found:-none}"
  elif [ ! -x node_modules/.bin/esbuild ] && ! command -v npm >/dev/null 2>&1; then
    lacks='needs npm, which comes with Node 20, and here is none'
  else
    return 0
  fi
  program=${0##*/}
  {
    echo "${program%.sh}: $lacks. On Debian 12, as root:"
    echo '  apt-get install -y curl'
    echo '  curl -fsSL https://deb.nodesource.com/setup_20.x | bash -'
    echo '  apt-get install -y nodejs'
    echo 'Elsewhere: https://nodejs.org/en/download'
  } >&2
  exit 1
}
