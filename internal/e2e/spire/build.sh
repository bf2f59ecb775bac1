#!/usr/bin/env bash
# Builds SPIRE's server, agent and OIDC discovery provider from their Go modules into the user's cache, once per version, and prints
# the folder they are in. Needs Go and a C compiler (sqlite). The first build takes minutes. Two builds at once do not disturb each
# other.
set -euo pipefail

readonly VERSION=v1.13.3
readonly DIR=${XDG_CACHE_HOME:-$HOME/.cache}/perimeter-ci/spire-$VERSION
readonly BIN=$DIR/bin

if [ -d "$BIN" ]; then echo "$BIN"; exit; fi
for tool in go gcc; do
  command -v "$tool" >/dev/null || { echo "spire/build.sh: $tool is missing" >&2; exit 1; }
done

mkdir -p "$DIR"
WORK=$(mktemp -d "$DIR/build.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
mkdir -p bin stub/proxy/dialers/mysql
{
  go mod init spire
  # The server imports a MySQL dialer for its registration, from a module whose version here has no checksum on record. Nobody dials
  # MySQL in these tests: an empty package will do.
  printf 'module github.com/GoogleCloudPlatform/cloudsql-proxy\n\ngo 1.25\n' >stub/go.mod
  echo 'package mysql' >stub/proxy/dialers/mysql/mysql.go
  go mod edit -replace github.com/GoogleCloudPlatform/cloudsql-proxy=./stub
  for program in cmd/spire-server cmd/spire-agent support/oidc-discovery-provider; do
    go get -tool "github.com/spiffe/spire/$program@$VERSION"
    CGO_ENABLED=1 nice go build -o bin/ "github.com/spiffe/spire/$program"
  done
} >&2
mv -T bin "$BIN" 2>/dev/null || [ -d "$BIN" ] # another build may have been first
echo "$BIN"
