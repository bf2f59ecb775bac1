// Package e2e proves the library and the gateway against issuers that others wrote. It holds tests only: they build the program of
// examples/gateway, put it between a backend and npm oidc-provider (oidc-provider/) or Ory Hydra (hydra/), and judge it by what
// comes over HTTP; and they ask the same issuers about tokens by package introspect, with the network's faults (toxiproxy/) on the way.
// They have nginx, HAProxy, Apache and Caddy (proxies/) forward the certificates of clients, and give clients names by SPIRE (spire/).
// Nothing leaves the machine's loopback.
//
//	go test ./...              about three minutes, and two more when Hydra has to be built first
//	E2E_FULL=1 go test ./...   with an outage of three minutes, half a minute of each fault, and a real SPIRE
//
// It needs Go, a C compiler, bash, Node with npm, and the four proxies as Debian packages them; what is missing fails. HYDRA_BIN names
// a Hydra to use instead of building one, SPIRE_BIN the folder of a SPIRE's programs. The first build of SPIRE takes ten minutes and more.
package e2e
