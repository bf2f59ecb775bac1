package secevent

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/perimeter-go/perimeter/token"
)

const (
	mediaType  = "application/secevent+jwt" // RFC 8417 section 7.2
	maxBody    = 32 << 10                   // more than a token may have
	maxKind    = 256                        // of the Content-Type
	maxSecret  = 8 << 10                    // of the Authorization
	retryAfter = "5"
)

type receiver struct{ config Config }

// A rejection is what a transmitter is told (RFC 8935 section 2.3). Its texts are ours alone.
type rejection struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}

func (r *rejection) Error() string { return "secevent: " + r.Code + ": " + r.Description }

func reject(code, description string) error { return &rejection{code, description} }

// The codes of RFC 8935 section 2.4.
const (
	invalidRequest  = "invalid_request"
	invalidKey      = "invalid_key"
	invalidIssuer   = "invalid_issuer"
	invalidAudience = "invalid_audience"
	notAuthentic    = "authentication_failed"
	accessDenied    = "access_denied"
)

// ServeHTTP answers 202 once what the token says holds, 400 to a token that is not good, and 503 if that could not be found out or
// recorded.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	err := r.receive(w, req)
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if e, ok := errors.AsType[*rejection](err); ok {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Language", "en")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(e) // who has left has nobody to tell
		return
	}
	w.Header().Set("Retry-After", retryAfter)
	w.WriteHeader(http.StatusServiceUnavailable)
}

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) error {
	if !r.isTransmitter(req) {
		return reject(notAuthentic, "the Authorization header is not the one agreed on")
	}
	kind := req.Header.Get("Content-Type")
	if len(kind) > maxKind {
		return reject(invalidRequest, "the Content-Type is too long")
	}
	if kind, _, err := mime.ParseMediaType(kind); err != nil || kind != mediaType {
		return reject(invalidRequest, "the content is not "+mediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		return reject(invalidRequest, "the content cannot be read, or is too large")
	}
	claims, err := r.verify(req.Context(), strings.TrimSpace(string(body)))
	if err != nil {
		return err
	}
	return r.act(req.Context(), claims)
}

// isTransmitter compares in a time that tells nothing of the secret, its length included.
func (r *receiver) isTransmitter(req *http.Request) bool {
	if r.config.Authorization == "" {
		return true
	}
	values := req.Header["Authorization"]
	if len(values) != 1 || len(values[0]) > maxSecret {
		return false
	}
	have, want := sha256.Sum256([]byte(values[0])), sha256.Sum256([]byte(r.config.Authorization))
	return subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

func (r *receiver) verify(ctx context.Context, raw string) (*token.Claims, error) {
	claims, err := r.config.Verifier.Verify(ctx, raw)
	if err == nil && claims == nil {
		return nil, errors.New("secevent: the verifier returned neither claims nor an error")
	}
	if err == nil || !errors.Is(err, token.ErrRefused) {
		return claims, err
	}
	switch token.ReasonOf(err) {
	case token.ReasonIssuer:
		return nil, reject(invalidIssuer, "not the transmitter of this receiver")
	case token.ReasonAudience:
		return nil, reject(invalidAudience, "not for this receiver")
	case token.ReasonAlgorithm, token.ReasonUnknownKey, token.ReasonSignature:
		return nil, reject(invalidKey, "not signed by a key of the transmitter")
	default:
		return nil, reject(invalidRequest, "not a security event token, or too old")
	}
}
