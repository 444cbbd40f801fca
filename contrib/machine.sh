# shellcheck shell=sh
# What contrib/try, tests/run and tests/check do to the machine they run on: install
# packages, find a Go toolchain, make users. Every step says what it does before it does it.
# Sourced with the repository as the working directory; POSIX sh.

say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'Error: %s\n' "$*" >&2; exit 1; }

# has_root tells whether commands can run as root here: as it is, or through sudo.
has_root() {
	[ "$(id -u)" = 0 ] && return
	command -v sudo >/dev/null || return 1
	sudo -n true 2>/dev/null && return
	[ -t 0 ] && sudo -v
}

# as_root runs a command as root; ask has_root first.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

# has finds a program where packages put it, also outside of an ordinary user's PATH.
has() {
	PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$1" >/dev/null
}

# install_missing reads lines `program debian-package fedora-package` and installs the
# packages of the programs that are not there; `-` means that the distribution has none.
# It returns 0 also when some cannot be had: whoever needs one says so.
install_missing() {
	if command -v apt-get >/dev/null; then column=2
	elif command -v dnf >/dev/null; then column=3
	else column=0
	fi
	absent='' packages=''
	while read -r program debian fedora; do
		has "$program" && continue
		absent="$absent $program"
		case $column in
		2) package=$debian ;;
		3) package=$fedora ;;
		*) package=- ;;
		esac
		[ "$package" = - ] || packages="$packages $package"
	done
	[ -n "$absent" ] || return 0
	if [ -z "$packages" ] || ! has_root; then
		say "not installed, and no way to install:$absent"
		return 0
	fi
	say "installing for$absent:$packages"
	# shellcheck disable=SC2086 # words are packages
	install_packages $packages </dev/null ||
		for package in $packages; do
			install_packages "$package" </dev/null || say "not to be had: $package"
		done
}

install_packages() {
	if command -v apt-get >/dev/null; then
		[ -n "${package_lists_read:-}" ] || as_root apt-get -q -q update >&2 || return
		package_lists_read=yes
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@" >&2
	else
		as_root dnf -q -y install --setopt=install_weak_deps=False "$@" >&2
	fi
}

# go_release prints the release of a go command as a number: go1.26.3 is 126.
go_release() {
	"$1" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p' | sed 's/^\([0-9]\)$/0\1/;s/^/1/'
}

# need_go puts a Go toolchain that can build this module first in PATH. A Go of 1.21 or
# later fetches the release that go.mod asks for by itself; an older one is made to fetch it
# the same way, as a module.
need_go() {
	wanted=$(sed -n 's/^go //p' go.mod)
	release=1$(echo "$wanted" | cut -d. -f2)
	for dir in '' /usr/local/go/bin/ /usr/lib/go-*/bin/ /usr/lib/golang/bin/; do
		go=$(command -v "${dir}go") || continue
		found=$(go_release "$go")
		if [ "${found:-0}" -gt "${best:-100}" ]; then
			best=$found best_go=$go
		fi
	done
	if [ -z "${best:-}" ]; then
		[ -z "${go_installed:-}" ] || die "no Go: install Go 1.21 or later"
		go_installed=yes
		echo 'go golang-go golang' | install_missing
		need_go
		return
	fi
	[ "$best_go" = "$(command -v go)" ] || PATH=$(dirname "$best_go"):$PATH
	export PATH
	[ "$best" -lt "$release" ] || return 0
	if [ "$best" -ge 121 ]; then
		say "$(go version | cut -d' ' -f3) fetches Go $wanted"
		export GOTOOLCHAIN=auto
		return
	fi
	fetch_go "$wanted"
}

# fetch_go gets a Go release as the module golang.org/toolchain, checked against the
# checksum database like every module, and keeps it in the user's cache.
fetch_go() {
	goroot=${XDG_CACHE_HOME:-$HOME/.cache}/rlc-build/go$1
	if [ ! -x "$goroot/bin/go" ]; then
		platform=$(go env GOOS)-$(go env GOARCH)
		say "$(go version | cut -d' ' -f3) is too old: fetching Go $1 into $goroot"
		module=$(cd / && GO111MODULE=on go mod download -json "golang.org/toolchain@v0.0.1-go$1.$platform" |
			sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
		[ -n "$module" ] || die "Go $1 could not be fetched: install Go 1.21 or later"
		mkdir -p "$goroot.part"
		cp -R "$module/." "$goroot.part/"
		chmod -R u+w "$goroot.part"
		# Modules hold neither nested go.mod files nor executable bits.
		find "$goroot.part" -name _go.mod | while read -r file; do
			mv "$file" "$(dirname "$file")/go.mod"
		done
		chmod -R u+x "$goroot.part/bin" "$goroot.part/pkg/tool"
		mv -T "$goroot.part" "$goroot"
	fi
	unset GOROOT
	PATH=$goroot/bin:$PATH
	export PATH
}

# need_user makes an ordinary user NAME with subordinate ids (`ids`) or without (`no-ids`).
need_user() {
	if ! id "$1" >/dev/null 2>&1; then
		say "making the user $1 ($2)"
		as_root useradd -m -s /bin/sh -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 "$1"
	fi
	[ "$2" = ids ] || return 0
	for kind in uid gid; do
		grep -qs "^$1:" "/etc/sub$kind" && continue
		start=$(awk -F: 'BEGIN { n = 100000 } $2 + $3 > n { n = $2 + $3 } END { print n }' "/etc/sub$kind" 2>/dev/null || echo 100000)
		say "giving $1 the subordinate ${kind}s $start-$((start + 65535))"
		as_root usermod "--add-sub${kind}s" "$start-$((start + 65535))" "$1"
	done
}

# run_as runs a command as another user in a clean environment; NAME=VALUE words may come first.
run_as() {
	user=$1
	shift
	as_root setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --reset-env env "$@"
}
