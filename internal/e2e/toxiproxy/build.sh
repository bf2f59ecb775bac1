#!/usr/bin/env bash
# Builds toxiproxy from its Go module into the user's cache, once per version, and prints the program's path.
set -euo pipefail

readonly VERSION=v2.12.0
readonly DIR=${XDG_CACHE_HOME:-$HOME/.cache}/perimeter-ci/toxiproxy-$VERSION
readonly BIN=$DIR/toxiproxy-server

if [ -x "$BIN" ]; then echo "$BIN"; exit; fi
mkdir -p "$DIR"
WORK=$(mktemp -d "$DIR/build.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
GOBIN=$WORK go install "github.com/Shopify/toxiproxy/v2/cmd/server@$VERSION" >&2
mv "$WORK/server" "$BIN"
echo "$BIN"
