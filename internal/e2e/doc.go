// Package e2e proves the library and the gateway against issuers that others wrote. It holds tests only: they build the program of
// examples/gateway, put it between a backend and npm oidc-provider (oidc-provider/) or Ory Hydra (hydra/), and judge it by what
// comes over HTTP; and they ask the same issuers about tokens by package introspect, with the network's faults (toxiproxy/) on the way.
// Nothing leaves the machine's loopback.
//
//	go test ./...              about three minutes, and two more when Hydra has to be built first
//	E2E_FULL=1 go test ./...   with an outage of three minutes, and half a minute of each fault
//
// It needs Go, a C compiler, bash and Node with npm; what is missing fails. HYDRA_BIN names a Hydra to use instead of building one.
package e2e
