#!/bin/sh
# Installs the program semql of a release for the current user.
#
#   curl --proto '=https' --tlsv1.2 -fsSL ADDRESS/install.sh | sh
#
# The archive is verified by its SHA-256 before it is unpacked, and the program is
# started once before it replaces an earlier one. Python or root are not needed.
#
# Environment:
#   SEMQL_VERSION    version (default: that of this script)
#   SEMQL_BIN_DIR    folder of the program (default: ~/.local/bin)
#   SEMQL_RELEASES   address of the releases (default: that of this script)
set -eu

VERSION='@VERSION@'
RELEASES='@RELEASES@'

say() {
    printf 'semql: %s\n' "$1"
}

fail() {
    printf 'semql: error: %s\n' "$1" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Prints the target triple of this machine, as archives are named.
target() {
    system=$(uname -s)
    machine=$(uname -m)
    case $machine in
        x86_64 | amd64) machine=x86_64 ;;
        aarch64 | arm64) machine=aarch64 ;;
        *) fail "there is no archive for the processor $machine; build from source with \`cargo install semql\`" ;;
    esac
    case $system in
        Linux)
            # ldd of musl prints its name on standard error.
            case $(ldd --version 2>&1 || true) in
                *musl*) echo "$machine-unknown-linux-musl" ;;
                *) echo "$machine-unknown-linux-gnu" ;;
            esac
            ;;
        Darwin)
            # A shell under Rosetta reports the emulated processor.
            if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then
                machine=aarch64
            fi
            echo "$machine-apple-darwin"
            ;;
        *) fail "this script does not install on $system; the releases at $RELEASES have an archive for Windows" ;;
    esac
}

# Downloads the address $1 to the file $2.
download() {
    secure=
    case $1 in https://*) secure=yes ;; esac
    if has curl; then
        curl ${secure:+--proto '=https' --tlsv1.2} --fail --silent --show-error --location --output "$2" "$1"
    elif has wget; then
        # With the options of BusyBox.
        wget -q -O "$2" "$1"
    else
        fail "neither curl nor wget is on PATH; install one of them and run this script again"
    fi
}

# Prints the SHA-256 of the file $1.
checksum() {
    if has sha256sum; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    elif has openssl; then
        openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
    else
        fail "sha256sum, shasum and openssl are not on PATH; one of them is needed to verify the download"
    fi
}

main() {
    version=${SEMQL_VERSION:-$VERSION}
    releases=${SEMQL_RELEASES:-$RELEASES}
    case $version$releases in
        *@*) fail "this copy of the script belongs to no release; set SEMQL_VERSION and SEMQL_RELEASES" ;;
    esac
    [ -n "${SEMQL_BIN_DIR:-}${HOME:-}" ] || fail "neither HOME nor SEMQL_BIN_DIR is set; set SEMQL_BIN_DIR to a folder"
    folder=${SEMQL_BIN_DIR:-$HOME/.local/bin}
    target=$(target)
    stem=semql-$version-$target
    archive=$stem.tar.gz

    temporary=$(mktemp -d)
    trap 'rm -rf "$temporary"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    for file in "$archive" "$archive.sha256"; do
        address=$releases/download/v$version/$file
        say "downloading $address"
        download "$address" "$temporary/$file" ||
            fail "$address cannot be downloaded; check the network, and whether version $version has an archive for $target"
    done

    expected=$(cut -d ' ' -f 1 "$temporary/$archive.sha256")
    found=$(checksum "$temporary/$archive")
    [ "$expected" = "$found" ] ||
        fail "$archive has the SHA-256 $found in place of $expected; nothing was installed"

    tar -xzf "$temporary/$archive" -C "$temporary"
    program=$temporary/$stem/semql
    "$program" --version >"$temporary/version" ||
        fail "the program of $archive does not start on this machine; build from source with \`cargo install semql\`"

    mkdir -p "$folder"
    # In the same folder, so that the rename replaces a running program at once.
    cp "$program" "$folder/.semql.$$"
    chmod 755 "$folder/.semql.$$"
    mv -f "$folder/.semql.$$" "$folder/semql"
    say "installed $(cat "$temporary/version") as $folder/semql"
    case :$PATH: in
        *":$folder:"*) ;;
        *) say "add the folder to PATH: export PATH=\"$folder:\$PATH\"" ;;
    esac
    say "next: \`semql demo\` installs ONNX Runtime and a model, and runs a pipeline on a sample"
}

# In a function, so that nothing runs of a script that was cut off.
main
