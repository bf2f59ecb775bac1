#!/usr/bin/env bash
# Builds Ory Hydra from its Go modules into the user's cache, once per version, and prints the program's path.
# Needs Go and a C compiler (sqlite). The first build takes minutes. Two builds at once do not disturb each other.
set -euo pipefail

readonly VERSION=v2.3.0
readonly DIR=${XDG_CACHE_HOME:-$HOME/.cache}/perimeter-ci/hydra-$VERSION
readonly BIN=$DIR/hydra

if [ -x "$BIN" ]; then echo "$BIN"; exit; fi
for tool in go gcc; do
  command -v "$tool" >/dev/null || { echo "hydra/build.sh: $tool is missing" >&2; exit 1; }
done

mkdir -p "$DIR"
WORK=$(mktemp -d "$DIR/build.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
{
  go mod init hydra
  # Hydra's own replace lines, which hold for nobody who builds it as a dependency.
  go mod edit \
    -replace github.com/gobuffalo/pop/v6=github.com/ory/pop/v6@v6.2.1-0.20241121111754-e5dfc0f3344b \
    -replace github.com/ory/hydra-client-go/v2=github.com/ory/hydra-client-go/v2@v2.2.1
  go get -tool "github.com/ory/hydra/v2@$VERSION"
  CGO_ENABLED=1 go build -o hydra -tags sqlite,sqlite_omit_load_extension github.com/ory/hydra/v2
} >&2
mv hydra "$BIN"
echo "$BIN"
