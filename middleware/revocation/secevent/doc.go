// Package secevent receives Security Event Tokens (RFC 8417) that an issuer pushes (RFC 8935) and turns them into revocations, so that a
// session that ends at the issuer ends here within moments:
//
//	verifier, err := token.NewVerifier(keys, token.Policy{
//		Issuer: transmitter, Audiences: []string{"https://api.example.com/events"}, Type: "secevent+jwt", MaxAge: time.Hour,
//	}, nil)
//	receiver, err := secevent.New(secevent.Config{Verifier: verifier, Issuers: []string{issuer}, Record: secevent.Into(list)})
//	mux.Handle("POST /events", receiver)
//
// # What it understands
//
// The events session-revoked of CAEP and sessions-revoked, account-disabled and account-purged of RISC. Others are acknowledged
// and not acted upon, as RFC 8935 section 2.2 asks.
//
// Subjects are read from sub_id of the token (RFC 9493), or from the event's subject, in the formats iss_sub, jwt_id, opaque, aliases and
// complex. Of a complex one the session counts, or else the user; what narrows it further, such as a device, is not looked at,
// which cuts off more rather than less. An opaque id may be that of a session or of a subject, and cuts off both. A subject in
// another format is not acknowledged: the transmitter would believe that something has happened.
//
// What was issued until the event_timestamp is cut off, or until the token's own iat where there is none. A log-in after it is not.
//
// # What it does not do
//
// It manages no streams: register its address with the transmitter. A token that is received twice does no harm, and so no jti is
// remembered.
package secevent
