# Installs the Debian packages a script cannot do without; sourced by the scripts, not run.
# need THING=PACKAGE...: THING is a command, or a file when it starts with "/". Nothing happens,
# and the network is not touched, while every THING is there.

need() {
  local pair missing=()
  for pair in "$@"; do
    case ${pair%%=*} in
      /*) [ -e "${pair%%=*}" ] || missing+=("${pair#*=}") ;;
      *) command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "missing packages; as root: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "installing ${missing[*]}"
  # The lists of a fresh machine are empty or old: refresh them only when the first try fails.
  apt_install "${missing[@]}" >/dev/null 2>&1 && return 0
  # One source that fails is no reason not to install from the others.
  apt-get -qq update || true
  apt_install "${missing[@]}" >/dev/null
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
}
