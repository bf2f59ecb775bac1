package token_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// The reference is a verifier with no thought for speed: encoding/json token by token, every rule in the order of the documents, nothing
// remembered. It accepts what the policy of the fuzz targets accepts, of tokens by one Ed25519 key.

var (
	errReference = errors.New("refused")
	errUnsure    = errors.New("the reference cannot tell: encoding/json repairs half a surrogate pair")
)

// strictObject reads an object that can be read in one way only.
func strictObject(data []byte) (members map[string]json.RawMessage, values int, err error) {
	if bytes.Contains(bytes.ToLower(data), []byte(`\ud`)) {
		return nil, 0, errUnsure
	}
	if !utf8.Valid(data) || !json.Valid(data) || !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return nil, 0, errReference
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := strictValue(dec, 1, &values); err != nil {
		return nil, 0, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errReference
	}
	return members, values, json.Unmarshal(data, &members)
}

func strictValue(dec *json.Decoder, depth int, values *int) error {
	tok, err := dec.Token() // an error for a number that no float64 holds
	if err != nil {
		return errReference
	}
	delim, opens := tok.(json.Delim)
	if !opens {
		return nil
	}
	if depth > 32 {
		return errReference
	}
	names := map[any]bool{}
	for dec.More() {
		if delim == '{' {
			name, err := dec.Token()
			if err != nil || names[name] {
				return errReference
			}
			names[name] = true
		}
		*values++
		if err := strictValue(dec, depth+1, values); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

var eachEscape = regexp.MustCompile(`\\u[dD][89abAB]..\\u....|\\u....|\\.`)

// escapes counts those of a good object. A pair of surrogates is one.
func escapes(data []byte) int { return len(eachEscape.FindAll(data, -1)) }

func referenceHeader(data []byte) error {
	members, values, err := strictObject(data)
	if err != nil {
		return err
	}
	for _, banned := range []string{"crit", "b64", "zip", "enc", "p2c", "jwk", "x5c", "x5u", "jku"} {
		if _, there := members[banned]; there {
			return errReference
		}
	}
	alg, ok1 := referenceString(members["alg"])
	kid, ok2 := referenceString(members["kid"])
	typ, ok3 := referenceString(members["typ"])
	_, ok4 := referenceString(members["nonce"])
	if len(typ) > 256 {
		return errReference
	}
	typ = strings.TrimPrefix(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, typ), "application/")
	if !ok1 || !ok2 || !ok3 || !ok4 || alg != "EdDSA" && alg != "Ed25519" || len(kid) > 256 || len(data) > 4<<10 || values > 24 || escapes(data) > 12 ||
		strings.Contains(typ, "+jwt") && typ != "at+jwt" {
		return errReference
	}
	return nil
}

// referenceString is "", true for what is missing.
func referenceString(value json.RawMessage) (s string, ok bool) {
	if value == nil {
		return "", true
	}
	return s, value[0] == '"' && json.Unmarshal(value, &s) == nil
}

func referenceList(value json.RawMessage) (list []string, ok bool) {
	if value == nil {
		return nil, true
	}
	if s, ok := referenceString(value); ok {
		return []string{s}, true
	}
	var elements []json.RawMessage
	if value[0] != '[' || json.Unmarshal(value, &elements) != nil {
		return nil, false
	}
	for _, e := range elements {
		s, ok := referenceString(e)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

func referenceTime(value json.RawMessage) (seconds float64, ok bool) {
	if value == nil {
		return 0, true
	}
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') || json.Unmarshal(value, &seconds) != nil {
		return 0, false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(string(value)), "e")
	isNegative := value[0] == '-' && strings.ContainsAny(mantissa, "123456789") // however little
	return seconds, !isNegative && 0 <= seconds && seconds <= 253402300799
}

func referenceClaims(data []byte, now time.Time) error {
	members, _, err := strictObject(data)
	if err != nil {
		return err
	}
	for _, name := range []string{"iss", "sub", "jti", "client_id", "azp", "cid", "appid"} {
		if _, ok := referenceString(members[name]); !ok {
			return errReference
		}
	}
	for _, name := range []string{"scope", "scp", "roles"} {
		if _, ok := referenceList(members[name]); !ok {
			return errReference
		}
	}
	for _, name := range []string{"events", "at_hash", "c_hash", "cnf"} {
		if _, there := members[name]; there {
			return errReference
		}
	}
	iss, _ := referenceString(members["iss"])
	aud, ok1 := referenceList(members["aud"])
	exp, ok2 := referenceTime(members["exp"])
	nbf, ok3 := referenceTime(members["nbf"])
	iat, ok4 := referenceTime(members["iat"])
	latest := float64(now.Unix() + 30)
	if !ok1 || !ok2 || !ok3 || !ok4 || iss != issuerURL || !slices.Contains(aud, audience) || members["exp"] == nil ||
		float64(now.Unix()) >= exp+30 || latest < nbf || latest < iat {
		return errReference
	}
	return nil
}

// reference is nil for a token that is to be accepted.
func reference(raw string, key ed25519.PublicKey) error {
	segments := strings.Split(raw, ".")
	if len(raw) > 16<<10 || len(segments) != 3 {
		return errReference
	}
	var decoded [3][]byte
	for i, s := range segments {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(s); err != nil || base64.RawURLEncoding.EncodeToString(decoded[i]) != s {
			return errReference
		}
	}
	if !ed25519.Verify(key, []byte(segments[0]+"."+segments[1]), decoded[2]) {
		return errReference
	}
	if err := referenceHeader(decoded[0]); err != nil {
		return err
	}
	return referenceClaims(decoded[1], time.Now())
}

// requireSame holds that a verifier that is new, one that remembers the header if it can be remembered, one that has a cache, the first, the second and the
// third time, a mux and the reference agree.
func requireSame(t *testing.T, raw, header string, m minter) {
	t.Helper()
	fresh, warm := verifier(t, fuzzSource{}, fuzzPolicy()), verifier(t, fuzzSource{}, fuzzPolicy())
	mux, err := token.NewMux(verifier(t, fuzzSource{}, fuzzPolicy()), verifier(t, fuzzSource{}, token.Policy{Issuer: otherURL, Audiences: []string{audience}}))
	require.NoError(t, err)
	sibling := m.sign(header, payload())
	_, _ = warm.Verify(t.Context(), sibling)
	_, _ = mux.Verify(t.Context(), sibling)

	want, wantErr := fresh.Verify(t.Context(), raw)
	got, gotErr := warm.Verify(t.Context(), raw)
	require.Equal(t, wantErr, gotErr, "a remembered header changes no verdict and no reason")
	require.Equal(t, token.Said(want), token.Said(got), "nor what is read")
	caching := remembering(t, fuzzSource{}, fuzzPolicy(), newCache(t, 10, 1<<20))
	for times := range 3 {
		c, err := caching.Verify(t.Context(), raw)
		require.Equal(t, wantErr, err, times)
		require.Equal(t, token.Said(want), token.Said(c), times)
		require.Equal(t, times > 0 && err == nil, c.Remembered())
	}
	muxed, muxErr := mux.Verify(t.Context(), raw)
	if wantErr == nil && !isFound(t, raw, want.Payload()) {
		requireRefused(t, muxed, muxErr, token.ReasonMalformed, raw)
	} else {
		require.Equal(t, wantErr == nil, muxErr == nil)
		require.Equal(t, token.Said(want), token.Said(muxed))
	}

	key, _ := m.private.Public().(ed25519.PublicKey)
	if expected := reference(raw, key); !errors.Is(expected, errUnsure) {
		require.Equal(t, expected == nil, wantErr == nil, "%q: %v", raw, wantErr)
	}
	if wantErr == nil {
		requireOracleAgrees(t, raw, want)
	}
}

// isFound tells of a good token whether a Mux finds its iss.
func isFound(t *testing.T, raw string, payload []byte) bool {
	t.Helper()
	begun, size := upToIssuer(t, payload)
	groups := (6<<10 - strings.IndexByte(raw, '.') - 1) / 4 // in the first 6 KiB
	return begun <= 256 && (len(payload) <= max(3*groups, 2<<10) || size <= 3*groups)
}

// upToIssuer is how many members and elements a good payload has before its iss, as a Mux counts them, and how many bytes up to what ends the value.
func upToIssuer(t *testing.T, payload []byte) (begun, size int) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(payload))
	next := func() json.Token {
		tok, err := dec.Token()
		require.NoError(t, err)
		return tok
	}
	var skip func() int
	skip = func() (begun int) {
		opens := next()
		if opens != json.Delim('{') && opens != json.Delim('[') {
			return 0
		}
		for dec.More() {
			if opens == json.Delim('{') {
				next()
			}
			begun += 1 + skip()
		}
		next()
		return max(begun, 1)
	}
	next()
	for ; next() != "iss"; begun += 4 {
		begun += skip()
	}
	skip()
	rest := payload[dec.InputOffset():]
	return begun, len(payload) - len(bytes.TrimLeft(rest, " \t\r\n")) + 1
}

// Tokens of any header and payload, with a good signature or, if bend is not 0, with one letter changed.
func FuzzRemembered(f *testing.F) {
	m := minter{fuzzKeys["D"].(ed25519.PrivateKey)}
	for _, h := range []string{edHeader, `{"alg":"Ed25519"}`, `{"alg":"EdDSA","typ":"APPLICATION/AT+JWT"}`, `{"alg":"EdDSA","x":[1,2]}`, `{"alg":"EdDSA","kid":"\u0061"}`} {
		for _, p := range one(payloads(3<<10), claim.called) {
			f.Add(h, p.raw, uint16(0))
		}
		f.Add(h, payload(), uint16(0))
		f.Add(h, payload(), uint16(3))
		f.Add(h, payload(with("exp", `9999999999.000000476837158203125`+strings.Repeat("0", 300)+`1`), with("nbf", `-1e-400`)), uint16(0))
		f.Add(h, payload(with("nbf", `-0.0e5`), with("iat", `1e-400`)), uint16(0))
		f.Add(h, payload(with("aud", `["x","https://api.test"]`), with("exp", `9.9e9`), with("roles", `[]`), with("nbf", `0`)), uint16(0))
	}
	for _, before := range []string{
		`"x":[1` + strings.Repeat(`,1`, 251) + `]`, `"x":[1` + strings.Repeat(`,1`, 252) + `]`, // 256 and one more
		`"x":"` + strings.Repeat(`\n`, 3030) + `"`, `"x":"` + strings.Repeat(`\n`, 3050) + `"`, `"x":"` + strings.Repeat(`\n`, 3100) + `"`,
	} {
		f.Add(edHeader, `{`+before+`,`+payload()[1:], uint16(0))
		f.Add(edHeader, payload()[:len(payload())-1]+`,`+before+`}`, uint16(0))
	}
	for _, s := range one(shapes(1<<10), claim.called) {
		f.Add(`{"alg":"EdDSA",`+s.raw+`}`, payload(), uint16(0))
		f.Add(edHeader, `{`+s.raw+`,`+payload()[1:], uint16(700))
	}
	f.Fuzz(func(t *testing.T, header, payload string, bend uint16) {
		raw := []byte(m.sign(header, payload))
		if bend != 0 {
			raw[int(bend)%len(raw)] ^= byte(bend>>8) | 1
		}
		requireSame(t, string(raw), header, m)
	})
}
