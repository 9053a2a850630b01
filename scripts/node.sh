#!/bin/sh
# `node ARGS…` for npm scripts: the Node that `npm ci` brought, which npm puts first on the PATH. Where that cannot run,
# this says why in a sentence, instead of an old Node's stack trace or the dynamic linker's complaint.

wanted=26

fail() {
  echo "ringmaster: $1" >&2
  exit 1
}

# Node's own builds want this library, and small Debian images lack it.
install_libatomic() {
  advice='Node needs the library libatomic.so.1: install the package libatomic1 (Debian, Ubuntu: sudo apt-get install libatomic1).'
  command -v apt-get >/dev/null || fail "$advice"
  if [ "$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi
  $sudo true 2>/dev/null || fail "$advice"
  echo 'Node needs the library libatomic.so.1. Installing libatomic1 with apt-get.'
  lock='-o DPkg::Lock::Timeout=120'
  log=$($sudo apt-get -q $lock update 2>&1; $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q $lock install -y libatomic1 2>&1) ||
    fail "$log
$advice"
}

version=$(node --version 2>&1)
case $version in
  *libatomic.so*)
    install_libatomic
    version=$(node --version 2>&1)
    ;;
esac

major=${version#v}
major=${major%%.*}
[ "$major" -ge "$wanted" ] 2>/dev/null ||
  fail "needs Node $wanted or newer, and this is: $version ($(command -v node)).
'npm ci' brings the right one along as the package 'node', and npm scripts find it first. If npm ran with --ignore-scripts,
or ignore-scripts is set in an .npmrc, 'npm rebuild node --ignore-scripts=false' adds it."

exec node "$@"
