#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# setup.sh - makes a Debian machine able to build, run and test Cloister.
#
#   scripts/setup.sh [O]            install what is missing, then unpack the pinned sources under O/sources
#   scripts/setup.sh --show PKG     print PKG's version and checksums on this release, in sources.lock's form
#   scripts/setup.sh --packages     print the Debian packages that this needs
#   scripts/setup.sh --download FOLDER PKG ...   fetch binary packages into FOLDER, install nothing; a kernel's
#                                   metapackage stands for the kernel that it depends on
#
# O is the build folder (argument, else environment variable O, else build). Asks for nothing. A run that finds
# everything in place changes nothing and needs neither network nor root. Sources are fetched with an apt state of
# their own under O/sources/.apt, made from this machine's own Debian mirrors: the machine's configuration is read,
# never written. Invariant: nothing is unpacked here whose checksum is not in sources.lock; what --download fetches, apt
# checks against the signed index of the release.
# No package in the list has a daemon: nothing is left running. Debian's redis-server is the program redis-check-rdb of
# redis-tools under another name; it gets that name in O/sources/bin, and the package redis-server, which starts it, is not used.
# It does not build anything, and it does not remove packages.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
lock=$here/sources.lock

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

packages() {
	cat <<-END
		gcc                  # build
		libc6-dev
		make
		binutils
		dpkg-dev             # dpkg-source, to unpack the sources
		xz-utils
		patch
		ca-certificates      # mirrors over https
		python3
		python3-kconfiglib
		python3-pyelftools
		python3-pycparser
		python3-matplotlib   # demo: its picture
		redis-tools          # run, bench: redis-benchmark, redis-cli, and the program redis-server without a service
		passt                # run, where the machine gives no TAP device
		iproute2             # bench-redis: Linux's redis-server in a namespace of its own
		util-linux           # run: unshare, nsenter, setpriv
		libcmocka-dev        # test
		netcat-openbsd
		gdb
		qemu-system-x86      # run, test on platform pc
		grub-common          # make iso: grub-mkrescue, and what it calls
		grub-pc-bin
		grub-efi-amd64-bin
		xorriso
		mtools
		ovmf                 # test: UEFI under QEMU
	END
	# test: the model of who owns an object, the proof of the free lists. Nobody has looked yet which of them later releases have.
	[ "$release" != 12 ] || printf '%s\n' spin frama-c-base why3 z3 cvc4
}

# Privileges: root already, or sudo; only called when something has to be installed.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null 2>&1; then sudo "$@"
	else die "packages are missing and this is neither root nor a machine with sudo; as root, run: apt-get install $missing"
	fi
}

install_packages() {
	missing=
	installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p')
	for package in $(packages | sed 's/#.*//'); do
		printf '%s\n' "$installed" | grep -qxF -e "$package" || missing="$missing $package"
	done
	missing=${missing# }
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null 2>&1 || sudo true ||
		die "packages are missing and sudo refuses; as root, run: apt-get install $missing"
	say "installing:$(printf ' %s' $missing)"
	as_root apt-get update -q || die "apt-get update failed; check the network and /etc/apt, then run this again"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing ||
		die "apt-get could not install: $missing; its message above says why"
}

# Copies this machine's Debian entries to $1/sources.list.d as entries of type $2 (deb-src, deb), for the release's own suites
# only: a third party's repository has no business here, and often no sources.
make_apt_sources() {
	mkdir -p "$1/sources.list.d"
	rm -f "$1"/sources.list.d/*
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$file" ] && cat "$file" && echo
	done | sed 's/#.*//' | awk -v code="$codename" -v type="$2" '
		$1 == "deb" {
			line = $0; sub(/^[ \t]*deb[ \t]+/, "", line); rest = line; sub(/^\[[^]]*\][ \t]*/, "", rest)
			split(rest, word, /[ \t]+/); suite = word[2]
			sub(/\/updates$/, "", suite); sub(/-(updates|security)$/, "", suite)
			if ((suite == code || suite == "stable" || suite == "oldstable") && rest ~ /[ \t]main([ \t]|$)/) print type " " line
		}' >"$1/sources.list.d/machine.list"
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -r "$file" ] && cat "$file" && echo
	done | awk -v code="$codename" -v type="$2" '
		function flush() {
			if (stanza != "" && types && enabled && suites && main) printf "%s\n", stanza
			stanza = ""; types = suites = main = 0; enabled = 1; key = ""
		}
		BEGIN { flush() }
		/^[ \t]*$/ { flush(); next }
		/^#/ { next }
		{
			value = $0
			if ($0 ~ /^[^ \t]/) { key = tolower($0); sub(/:.*/, "", key); sub(/^[^:]*:/, "", value) }
			if (key == "types") {
				if (value ~ /(^|[ \t])deb([ \t]|$)/) types = 1
				if ($0 ~ /^[^ \t]/) stanza = stanza "Types: " type "\n"
				next
			}
			if (key == "enabled" && tolower(value) ~ /no|false|off|0/) enabled = 0
			if (key == "components" && value ~ /(^|[ \t])main([ \t]|$)/) main = 1
			if (key == "suites") {
				n = split(value, word, /[ \t]+/)
				for (i = 1; i <= n; i++) {
					sub(/\/updates$/, "", word[i]); sub(/-(updates|security)$/, "", word[i])
					if (word[i] == code || word[i] == "stable" || word[i] == "oldstable") suites = 1
				}
			}
			stanza = stanza $0 "\n"
		}
		END { flush() }' >"$1/sources.list.d/machine.sources"
	[ -s "$1/sources.list.d/machine.list" ] || [ -s "$1/sources.list.d/machine.sources" ] ||
		die "neither /etc/apt/sources.list nor /etc/apt/sources.list.d names Debian $codename main; add the mirror that this machine should use, then run this again"
}

# apt-get or apt-cache ($1) on the private state $apt. Sandbox user root: the _apt user may not enter a build folder in
# somebody's home.
private() {
	tool=$1
	shift
	"$tool" -q -o "Dir::State=$apt/state" -o "Dir::State::lists=$apt/state/lists" -o "Dir::State::status=/dev/null" \
		-o "Dir::Cache=$apt/cache" -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources.list.d" \
		-o APT::Sandbox::User=root -o Acquire::Retries=3 -o Acquire::Languages=none "$@"
}

private_apt() { private apt-get "$@"; }

open_private_apt() {
	apt=$sources/.apt
	[ -z "${apt_open:-}" ] || return 0
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	make_apt_sources "$apt" "${1:-deb-src}"
	say "reading the package index of Debian $release from this machine's mirror"
	# A mirror of which one suite fails may still have what is pinned, so the check is whether that is found.
	private_apt update >"$apt/log" 2>&1 || say "apt-get update was not clean; see $apt/log"
	apt_open=1
}

link_redis_server() {
	if ! command -v redis-server >/dev/null 2>&1 && [ -x /usr/bin/redis-check-rdb ] && [ ! -e "$sources/bin/redis-server" ]; then
		mkdir -p "$sources/bin"
		ln -sfn /usr/bin/redis-check-rdb "$sources/bin/redis-server"
	fi
}

fetch_source() {
	package=$1
	pinned=$(awk -v r="$release" -v p="$package" '$1 == r && $2 == p { print $3, $4, $5 }' "$lock")
	[ -n "$pinned" ] ||
		die "scripts/sources.lock pins no $package for Debian $release; run scripts/setup.sh --show $package and add what it prints"
	stamp=$sources/$package/.source-stamp
	[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$pinned" ] && return 0

	version=$(printf '%s\n' "$pinned" | awk 'NR == 1 { print $1 }')
	download=$sources/.download-$package
	mkdir -p "$download"
	if ! verify_source >/dev/null 2>&1; then
		open_private_apt
		say "fetching $package $version (source)"
		(cd "$download" && private_apt source --download-only "$package=$version") >>"$apt/log" 2>&1 ||
			die "this machine's mirror does not give $package $version (see $apt/log); check the network, or pin what it has: scripts/setup.sh --show $package"
		verify_source || die "what the mirror gave for $package $version is not what scripts/sources.lock pins; delete $download and use another mirror"
	fi
	rm -rf "$sources/$package" "$sources/.unpack-$package"
	# --no-check: signature and checksums were replaced by sources.lock's, so no keyring is needed.
	dsc=$download/$(printf '%s\n' "$pinned" | awk '$2 ~ /\.dsc$/ { print $2 }')
	dpkg-source --no-check --no-copy -x "$dsc" "$sources/.unpack-$package" >"$sources/.download-$package/log" 2>&1 ||
		die "dpkg-source could not unpack $package; see $sources/.download-$package/log"
	printf '%s\n' "$pinned" >"$sources/.unpack-$package/.source-stamp"
	mv "$sources/.unpack-$package" "$sources/$package" # the commit point: a folder without a stamp never stays
	say "unpacked $package $version to $sources/$package"
}

# The packages named, in this folder; apt checks each against the signed index.
download_packages() {
	folder=$(mkdir -p "$1" && cd "$1" && pwd) || die "cannot write to $1; choose another folder"
	shift
	sources=$folder
	open_private_apt deb
	for package; do
		kernel=$(private apt-cache depends "$package" 2>>"$apt/log" |
			sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
		(cd "$folder" && private_apt download "${kernel:-$package}") >>"$apt/log" 2>&1 ||
			die "this machine's mirror does not give ${kernel:-$package} (see $apt/log); check the network"
	done
}

verify_source() {
	printf '%s\n' "$pinned" | awk '{ print $3 "  " $2 }' | (cd "$download" && sha256sum --check --strict --quiet -)
}

[ -r /etc/os-release ] || die "/etc/os-release is missing, so this is no Debian; install the packages of scripts/setup.sh --packages by hand"
release=$(. /etc/os-release && echo "${VERSION_ID:-}")
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
	die "this machine has no dpkg and apt; Cloister is built on Debian 12 or 13"

case ${1:-} in
--packages) packages; exit 0 ;;
--download)
	[ $# -ge 3 ] || die "--download wants a folder and the names of packages"
	shift
	download_packages "$@"
	exit 0 ;;
--show)
	[ -n "${2:-}" ] || die "--show wants the name of a source package"
	sources=$(mktemp -d)
	trap 'rm -rf "$sources"' EXIT
	open_private_apt >&2
	private_apt source --print-uris "$2" 2>/dev/null | sed -n "s/^'[^']*' \([^ ]*\) [0-9]* SHA256:\([0-9a-f]*\)\$/\1 \2/p" |
		awk -v r="$release" -v p="$2" '
			{ name[NR] = $1; sum[NR] = $2 }
			$1 ~ /\.dsc$/ { version = $1; sub(/^[^_]*_/, "", version); sub(/\.dsc$/, "", version) }
			END { for (i = 1; i <= NR; i++) print r "  " p "  " version "  " name[i] "  " sum[i]; exit NR == 0 }' ||
		die "this machine's mirror has no source package $2"
	exit 0 ;;
-*) die "unknown option $1; usage: scripts/setup.sh [O] | --show PACKAGE | --packages | --download FOLDER PACKAGE ..." ;;
esac

build=${1:-${O:-build}}
mkdir -p "$build/sources" || die "cannot write to $build; choose another build folder: scripts/setup.sh FOLDER"
sources=$(cd "$build/sources" && pwd)

[ -e /proc/self/stat ] ||
	die "/proc is not mounted here, as in a bare chroot; as root, run: mount -t proc proc /proc"
install_packages
link_redis_server
for package in $(awk -v r="$release" '!/^#/ && NF == 5 && $1 == r && !seen[$2]++ { print $2 }' "$lock"); do
	fetch_source "$package"
	any=1
done
[ -n "${any:-}" ] || fetch_source lwip # says that this release is not pinned
say "ready: packages installed, sources in $sources"
