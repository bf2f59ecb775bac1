package main

import (
	"fmt"
	"net/http"

	authmw "github.com/perimeter-go/perimeter/middleware"
)

func showCaller(w http.ResponseWriter, r *http.Request) {
	id, ok := authmw.IdentityFrom(r.Context())
	if !ok {
		http.Error(w, "nobody", http.StatusInternalServerError) // not behind the guard
		return
	}
	fmt.Fprintf(w, "%s of %s may %s\n", id.Subject, id.Issuer, id.Scopes)
}

func showOrder(w http.ResponseWriter, r *http.Request) {
	id, _ := authmw.IdentityFrom(r.Context())
	fmt.Fprintf(w, "an order for %s\n", id.Subject)
}

func deleteOrder(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
