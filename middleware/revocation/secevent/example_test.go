package secevent_test

import (
	"log"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware/revocation"
	"github.com/perimeter-go/perimeter/middleware/revocation/secevent"
	"github.com/perimeter-go/perimeter/token"
)

// The issuer pushes an event when a session ends; the list knows of it before the issuer is answered.
func Example() {
	keys, err := jwks.NewFromIssuer("https://id.example.com", nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(keys, token.Policy{
		Issuer: "https://id.example.com", Audiences: []string{"https://api.example.com/events"}, Type: "secevent+jwt", MaxAge: time.Hour,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	receiver, err := secevent.New(secevent.Config{Verifier: verifier, Issuers: []string{"https://id.example.com"}, Record: secevent.Into(list)})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /events", receiver)
}
