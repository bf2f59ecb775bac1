// Package audit writes down what a [middleware.Guard] decides: one record for each decision, for any [slog.Handler], in which nothing
// that a client sends can pass for something else.
//
//	trail, err := audit.New(slog.NewJSONHandler(file, nil), audit.Config{Key: key})
//	guard, err := middleware.New(authenticator, &middleware.Options{Observer: trail})
//
// # A record
//
// Its message is "decision". Its level is Info where the request passes, and Warn where it does not. Its attributes are these, in this order; those
// that there is nothing to say about are left out.
//
//	outcome      what was decided, and why: words of few values, as middleware.Decision has them
//	reason
//	status       of the answer; left out where the request passes
//	method       of the request
//	path         decoded, as it was judged; of a target that is ambiguous or too long as the client has spelled it. Never the query
//	rule         the pattern of the rule that the request comes under
//	credential   "jwt", "opaque" or "mtls"
//	how          "checked", "remembered", "introspected", "certificate" or "nested"
//	subject      who was found, also where they were not let pass
//	client
//	issuer
//	key_id       the kid of a verified JWT
//	certificate  the SHA-256 thumbprint of a verified certificate (RFC 8705 section 3.1)
//	peer         the address of the connection, or what Config.Peer says
//	token        a keyed hash of the token that was presented, good or bad; see Config.Key
//	request_id   see Config.RequestIDHeader
//	latency_ns   the time that the decision took, in nanoseconds
//	sampled      how many requests that passed this record stands for; left out where every one is kept
//
// # How values are written
//
// Every value that is a string is printable ASCII without blanks, quotes, "=", "<", ">", "`" and backslashes before the handler sees it: whatever
// else it holds is percent-encoded in upper case (RFC 3986 section 2.1), a percent sign included, and [net/url.PathUnescape] gives the
// very value back. So no handler can be made to begin a line, a field or a terminal's escape sequence, not even one that quotes
// nothing. A value that takes more than 256 bytes is cut between two encoded bytes and ends in "%cut", which no encoding does.
//
// A record takes less than 4 KiB, beside what the handler adds. Since every refusal is kept, whoever floods the service with
// requests that do not pass fills the log as fast: the handler has to bear that, or count in Lost what it cannot.
//
// # What is not written
//
// No token and no other credential, no header but the one that [Config] names, no query, no claim but those above, and no error text: those of
// authenticators and checks of others may hold anything. The path may hold names and other personal data, and so may subject.
package audit
