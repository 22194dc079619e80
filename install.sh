#!/bin/sh
# Installs sento for this user, into ~/.local, or with `--prefix FOLDER` elsewhere. Asks for no rights, starts nothing.
#
#     SENTO_BASE_URL=https://… sh install.sh
#
# The files come from SENTO_BASE_URL, where a release lies (SHA256SUMS and the archives). Nothing is moved before the
# SHA-256 of the archive is right and its sento has said its version. All that is written stands in
# FOLDER/share/sento/installed, by which `sento uninstall` takes it away again.
set -eu

main() {
  base=${SENTO_BASE_URL-}
  prefix=${HOME:?}/.local
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder" "sh install.sh --prefix /usr/local"
        prefix=$2; shift 2 ;;
      --prefix=*) prefix=${1#*=}; shift ;;
      *) fail "no such option: $1" "sh install.sh [--prefix FOLDER]" ;;
    esac
  done
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  [ -n "$base" ] || fail "where sento is to be fetched from is not set" \
    "give the folder of a release: SENTO_BASE_URL=https://… sh install.sh"
  machine=$(machine_name)
  work=$(mktemp -d "${TMPDIR:-/tmp}/sento-install.XXXXXX")
  staged=
  trap 'rm -rf "$work"; [ -z "$staged" ] || rm -f "$staged"' EXIT
  trap 'exit 130' HUP INT TERM

  fetch SHA256SUMS
  line=$(grep -E "^[0-9a-f]{64}  sento-[0-9][^/ ]*-$machine\.tar\.gz\$" "$work/SHA256SUMS") ||
    fail "SHA256SUMS of $base has no archive for $machine" "see whether that is the folder of a release"
  archive=${line#*  }
  fetch "$archive"
  found=$(sha256 "$work/$archive")
  [ "$found" = "${line%% *}" ] || fail "$archive has the SHA-256 $found, and should have ${line%% *}; nothing was changed" \
    "try it again; where that does not help, tell whoever released it"
  tar -xzf "$work/$archive" -C "$work"
  put_all "$work/${archive%.tar.gz}"
}

fail() {
  echo "install.sh: error: $1" >&2
  echo "install.sh: hint: $2" >&2
  exit 1
}

# linux-x64, linux-arm64, and the same with -musl. A glibc system may have musl's loader beside its own: ldd is whose it is.
machine_name() {
  [ "$(uname -s)" = Linux ] || fail "sento is for Linux, and this is $(uname -s)" "there is no other"
  case $(uname -m) in
    x86_64 | amd64) cpu=x64 loader=/lib/ld-musl-x86_64.so.1 glibc=/lib64/ld-linux-x86-64.so.2 ;;
    aarch64 | arm64) cpu=arm64 loader=/lib/ld-musl-aarch64.so.1 glibc=/lib/ld-linux-aarch64.so.1 ;;
    *) fail "sento is for x64 and arm64, and this is $(uname -m)" "there is no other" ;;
  esac
  libc=
  if [ -e "$loader" ]; then
    if [ ! -e "$glibc" ]; then libc=-musl; fi
    case $(ldd --version 2>&1 || :) in *musl*) libc=-musl ;; esac
  fi
  echo "linux-$cpu$libc"
}

fetch() {
  if command -v curl > /dev/null; then
    curl -fsSL -o "$work/$1" "$base/$1" || fail "cannot fetch $base/$1" "see whether that address is right"
  elif command -v wget > /dev/null; then
    wget -q -O "$work/$1" "$base/$1" || fail "cannot fetch $base/$1" "see whether that address is right"
  else
    fail "there is neither curl nor wget" "install one of them"
  fi
}

sha256() {
  if command -v sha256sum > /dev/null; then
    sha256sum < "$1" | cut -d ' ' -f 1
  elif command -v openssl > /dev/null; then
    openssl dgst -sha256 -r < "$1" | cut -d ' ' -f 1
  else
    fail "there is neither sha256sum nor openssl" "install one of them"
  fi
}

# The command last, once it has run where it will be: a folder for temporary files may be one from which nothing is run.
put_all() {
  command=$prefix/bin/sento
  list=$prefix/share/sento/installed
  [ ! -L "$command" ] || fail "$command is a link, which this did not make" "remove it, then run this again"
  new=$work/installed
  if [ -e "$list" ]; then cp "$list" "$new"; else : > "$new"; fi
  changed=
  was=; [ ! -e "$command" ] || was=$("$command" --version 2> /dev/null || :)

  if ! cmp -s "$1/bin/sento" "$command"; then
    make_folder "$prefix/bin"
    staged=$prefix/bin/.sento-new.$$
    cp "$1/bin/sento" "$staged"
    chmod 755 "$staged"
    version=$("$staged" --version 2> "$work/said") || { unmake; fail "this sento does not run here: $(head -n 1 "$work/said")" \
      "$(case $machine in *musl) echo "on Alpine it needs: apk add libstdc++ libgcc" ;; *) echo "it needs glibc 2.17 or newer" ;; esac)"; }
    changed=yes
  else
    version=$("$command" --version)
  fi
  for file in share/man/man1/sento.1 share/bash-completion/completions/sento share/zsh/site-functions/_sento \
    share/fish/vendor_completions.d/sento.fish; do
    put "$1/$file" "$prefix/$file" 644
  done
  if [ -n "$staged" ]; then
    mv -f "$staged" "$command"
    staged=
    note "$command"
  fi
  if ! cmp -s "$new" "$list"; then
    make_folder "${list%/*}"
    note "$list"
    cp "$new" "$list"
  fi
  report
}

put() {
  if ! cmp -s "$1" "$2"; then
    make_folder "${2%/*}"
    rm -f "$2"
    cp "$1" "$2"
    chmod "$3" "$2"
    changed=yes
  fi
  note "$2"
}

# Each folder that was not there is noted before what lies in it.
make_folder() {
  [ -d "$1" ] && return
  make_folder "${1%/*}"
  mkdir "$1"
  note "$1/"
}

# Folders that were made for a command that does not run.
unmake() {
  rm -f "$staged"
  for folder in "$prefix/bin" "$prefix"; do
    if grep -qxF -- "$folder/" "$new"; then rmdir "$folder"; fi
  done
}

note() {
  grep -qxF -- "$1" "$new" || printf '%s\n' "$1" >> "$new"
}

report() {
  if [ -z "$changed" ]; then
    echo "sento $version is installed already: $command; nothing changed"
    return
  fi
  echo "sento $version: $command"
  [ -z "$was" ] || echo "it was $was; Guardians that run go on with that until \`sento guard restart\`"
  case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) echo "note: $prefix/bin is not in your PATH; add it: export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
  case ${SHELL-} in
    */zsh) echo "note: for completions, below compinit in ~/.zshrc: eval \"\$(sento completions zsh)\"" ;;
  esac
  command -v tmux > /dev/null || echo "note: sento needs tmux 3.2 or newer, and there is none: install it"
  echo "next: \`sento demo\` shows two agents that pair and talk; \`sento init\` sets yours up"
}

main "$@"
