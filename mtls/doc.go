// Package mtls answers one question: which workload does this client certificate prove?
package mtls
