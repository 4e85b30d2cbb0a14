# Packs an .apk (apk 3, OpenWrt 25.12) from the parts of an .ipk; sourced by package.sh. As OpenWrt's
# include/package-pack.mk does it: the lists of files and conffiles go into the package's data, and
# each script is the package's own after the distribution's. Debian has no apk 3: APK names one.

# apk_tree WORK: WORK holds data/, control/ and the conffiles as the Makefile has them; WORK/apk gets
# data/ and a file a script. The lab installs from that, without an apk.
apk_tree() {
  local work=$1 tree=$1/apk/data scripts=$1/apk name entry own
  rm -rf "$work/apk"
  mkdir -p "$scripts"
  cp -a "$work/data" "$tree"
  name=$(control_field "$work" Package)
  own=$tree/lib/apk/packages
  mkdir -p "$own"
  (cd "$tree" && find . \( -type f -o -type l \) -printf '/%P\n' | LC_ALL=C sort) >"$work/apk/list"
  mv "$work/apk/list" "$own/$name.list"
  cp "$work/conffiles" "$own/$name.conffiles"
  while read -r entry; do
    [ -f "$tree$entry" ] || continue
    echo "$entry $(sha256sum "$tree$entry" | cut -d ' ' -f 1)" >>"$own/$name.conffiles_static"
  done <"$work/conffiles"
  {
    echo '#!/bin/sh'
    echo '[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0'
    apk_prologue "$name"
    echo add_group_and_user
    echo default_postinst
    script_body "$work/control/postinst-pkg"
  } >"$scripts/post-install"
  upgrade_of "$scripts/post-install" >"$scripts/post-upgrade"
  {
    echo '#!/bin/sh'
    apk_prologue "$name"
    echo default_prerm
    script_body "$work/control/prerm-pkg"
  } >"$scripts/pre-deinstall"
  own_script "$work/control/preinst" >"$scripts/pre-install"
  upgrade_of "$scripts/pre-install" >"$scripts/pre-upgrade"
  own_script "$work/control/postrm" >"$scripts/post-deinstall"
}

# pack_apk APK WORK FILE: what is for every router is `all` for opkg and `noarch` for apk, which installs no `all`.
pack_apk() {
  local apk=$1 work=$2 file=$3 tree=$2/apk/data scripts=$2/apk name
  apk_tree "$work"
  name=$(control_field "$work" Package)
  find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  rm -f "$file"
  "$apk" mkpkg --info "name:$name" --info "version:$(control_field "$work" Version)" \
    --info "description:$(sed -n -e 's/^Description: *//p' -e 's/^ //p' "$work/control/control" | tr '\n' ' ' | sed 's/ *$//')" \
    --info "arch:$(control_field "$work" Architecture | sed 's/^all$/noarch/')" \
    --info "license:$(control_field "$work" License)" \
    --info "origin:$(control_field "$work" Source)" \
    --info "provides:$name-any" \
    --info "depends:$(control_field "$work" Depends | tr -d ,)" \
    --script "pre-install:$scripts/pre-install" --script "post-install:$scripts/post-install" \
    --script "pre-upgrade:$scripts/pre-upgrade" --script "post-upgrade:$scripts/post-upgrade" \
    --script "pre-deinstall:$scripts/pre-deinstall" \
    --script "post-deinstall:$scripts/post-deinstall" --files "$tree" --output "$file"
}

control_field() { # WORK NAME
  sed -n "s/^$2: //p" "$1/control/control"
}

apk_prologue() { # NAME
  echo '[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0'
  echo '. ${IPKG_INSTROOT}/lib/functions.sh'
  echo 'export root="${IPKG_INSTROOT}"'
  echo "export pkgname=\"$1\""
}

# The file, or where the package has none a script that does nothing.
own_script() { # FILE
  cat "$1" 2>/dev/null || echo '#!/bin/sh'
}

script_body() { # FILE
  [ ! -f "$1" ] || sed '/^\s*#!/d' "$1"
}

upgrade_of() { # SCRIPT
  echo '#!/bin/sh'
  echo 'export PKG_UPGRADE=1'
  script_body "$1"
}
