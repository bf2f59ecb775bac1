package jws_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

func TestParseReadsHeaderAndPayload(t *testing.T) {
	m, err := jws.Parse(good(t, "ES256"), maxBytes)
	require.NoError(t, err)
	require.Equal(t, jws.Header{Algorithm: "ES256", KeyID: "k1", Type: "at+jwt"}, m.Header())
	require.Equal(t, alice, m.Payload())
	require.NoError(t, m.Verify(public("ES256")))
}

func TestAPayloadMayBeAnything(t *testing.T) {
	for _, payload := range []string{"", "text", "null", "[]", "\x00\xff", `{"a":1,"a":2}`, strings.Repeat("x", 10<<10)} {
		got, err := verify(sign(t, "EdDSA", `{"alg":"EdDSA"}`, payload), public("EdDSA"))
		require.NoError(t, err)
		require.Equal(t, payload, string(got))
	}
}

func TestTheZeroMessageVerifiesUnderNoKey(t *testing.T) {
	var m jws.Message
	for _, alg := range jws.Algorithms() {
		requireKind(t, jws.KindAlgorithm, m.Verify(public(alg)))
	}
}

// respell replaces the last letter of a segment by its neighbour, which differs in bits that stand for nothing.
func respell(segment string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(letters, segment[len(segment)-1])
	return segment[:len(segment)-1] + letters[last+1:last+2]
}

func TestParseRefusesEveryOtherForm(t *testing.T) {
	token := good(t, "ES256")
	segments := strings.Split(token, ".")
	header, payload, signature := segments[0], segments[1], segments[2]
	require.NotZero(t, len(signature)%4, "the signature has spare bits")
	spareHeader := b64([]byte(`{"alg":"ES256" }`))
	require.NotZero(t, len(spareHeader)%4, "the header has spare bits")
	sparePayload := b64([]byte(`{"sub":"bob"}`))
	require.NotZero(t, len(sparePayload)%4, "the payload has spare bits")
	padded := base64.URLEncoding.EncodeToString

	for _, tc := range []struct{ name, token string }{
		{"nothing", ""},
		{"two dots", ".."},
		{"no dot", header},
		{"one dot", header + "." + payload},
		{"no signature and no dot for it", header + "." + payload},
		{"an empty signature", header + "." + payload + "."},
		{"an empty header", "." + payload + "." + signature},
		{"three dots", token + "."},
		{"a dot before", "." + token},
		{"four segments, two signatures", token + "." + signature},
		{"five segments, a JWE", header + "." + payload + "." + signature + "." + payload + "." + signature},
		{"five segments, four of them empty", header + "...."},
		{"two tokens", token + "," + token},
		{"the general JSON serialisation", `{"payload":"` + payload + `","signatures":[{"protected":"` + header + `","signature":"` + signature + `"}]}`},
		{"the flattened JSON serialisation", `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`},
		{"a polyglot of both", `{"` + header + "." + payload + "." + signature + `":"","payload":"` + payload + `"}`},
		{"a JSON string", `"` + token + `"`},
		{"a scheme before it", "Bearer " + token},

		{"a blank before", " " + token},
		{"a blank after", token + " "},
		{"a line break after", token + "\n"},
		{"a line break in the header", header[:4] + "\n" + header[4:] + "." + payload + "." + signature},
		{"a line break in the payload", header + "." + payload[:4] + "\n" + payload[4:] + "." + signature},
		{"a carriage return in the signature", header + "." + payload + "." + signature[:4] + "\r\n" + signature[4:]},
		{"a tab", header + "." + payload + ".\t" + signature},
		{"a NUL", header + "." + payload + "\x00." + signature},
		{"padding in the header", padded([]byte(`{"alg":"ES256" }`)) + "." + payload + "." + signature},
		{"padding in the payload", header + "." + padded([]byte(`{"sub":"bob"}`)) + "." + signature},
		{"padding of the signature", token + "=="},
		{"the other base64 alphabet, plus", header + "." + payload + ".+" + signature[1:]},
		{"the other base64 alphabet, slash", header + "." + payload + "./" + signature[1:]},
		{"a letter outside of ASCII", header + "." + payload + ".é" + signature[2:]},
		{"a percent escape", header + "." + payload + ".%41" + signature[1:]},
		{"spare bits in the header", respell(spareHeader) + "." + payload + "." + signature},
		{"spare bits in the payload", header + "." + respell(sparePayload) + "." + signature},
		{"spare bits in the signature", header + "." + payload + "." + respell(signature)},
		{"one letter, which is no byte", header + "." + payload + ".A"},
		{"a length no encoding has", header + "." + payload + "." + signature + "AAA"},

		{"a header that is not JSON", b64([]byte(`alg=ES256`)) + "." + payload + "." + signature},
		{"a header that is an array", b64([]byte(`["alg","ES256"]`)) + "." + payload + "." + signature},
		{"a header that is null", b64([]byte(`null`)) + "." + payload + "." + signature},
		{"a header that is a string", b64([]byte(`"ES256"`)) + "." + payload + "." + signature},
		{"text after the header's object", b64([]byte(`{"alg":"ES256"}x`)) + "." + payload + "." + signature},
		{"two headers in one", b64([]byte(`{"alg":"ES256"}{"alg":"none"}`)) + "." + payload + "." + signature},
		{"a header of invalid UTF-8", b64([]byte("{\"alg\":\"ES256\",\"kid\":\"\xff\"}")) + "." + payload + "." + signature},
		{"a header with half a surrogate pair", b64([]byte(`{"alg":"ES256","kid":"\ud800"}`)) + "." + payload + "." + signature},
		{"a header 33 deep", b64([]byte(`{"alg":"ES256","x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`}`)) + "." + payload + "." + signature},
		{"alg twice", b64([]byte(`{"alg":"ES256","alg":"ES256"}`)) + "." + payload + "." + signature},
		{"alg twice, one escaped", b64([]byte(`{"alg":"ES256","\u0061lg":"none"}`)) + "." + payload + "." + signature},
		{"kid twice", b64([]byte(`{"alg":"ES256","kid":"a","kid":"b"}`)) + "." + payload + "." + signature},
		{"crit twice", b64([]byte(`{"alg":"ES256","crit":[],"crit":[]}`)) + "." + payload + "." + signature},
		{"an unknown member twice below", b64([]byte(`{"alg":"ES256","x":{"y":1,"y":2}}`)) + "." + payload + "." + signature},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := verify(tc.token, public("ES256"))
			requireKind(t, jws.KindMalformed, err)
		})
	}
}

// What go-jose accepts and this package does not. If a row stops to hold, what is said about go-jose is no longer true.
func TestGoJoseWouldHaveTakenIt(t *testing.T) {
	token := good(t, "ES256")
	segments := strings.Split(token, ".")
	for _, tc := range []struct {
		name, token string
		want        jws.Kind
	}{
		{"line breaks", segments[0] + "." + segments[1] + "." + segments[2][:10] + "\r\n" + segments[2][10:], jws.KindMalformed},
		{"spare bits", segments[0] + "." + segments[1] + "." + respell(segments[2]), jws.KindMalformed},
		{"invalid UTF-8", sign(t, "ES256", "{\"alg\":\"ES256\",\"kid\":\"\xff\"}", `{}`), jws.KindMalformed},
		{"an empty crit", sign(t, "ES256", `{"alg":"ES256","crit":[]}`, `{}`), jws.KindHeader},
		{"a crit that is null", sign(t, "ES256", `{"alg":"ES256","crit":null}`, `{}`), jws.KindHeader},
		{"a zip", sign(t, "ES256", `{"alg":"ES256","zip":"DEF"}`, `{}`), jws.KindHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := joseVerify(tc.token, public("ES256"))
			require.NoError(t, err, "go-jose has changed")
			_, err = verify(tc.token, public("ES256"))
			requireKind(t, tc.want, err)
		})
	}
}

func TestSizes(t *testing.T) {
	token := good(t, "ES256")
	for name, size := range map[string]int{"one byte too many": len(token) - 1, "no byte allowed": 0, "less than none": -1} {
		t.Run(name, func(t *testing.T) {
			_, err := jws.Parse(token, size)
			requireKind(t, jws.KindMalformed, err)
		})
	}
	_, err := jws.Parse(token, len(token))
	require.NoError(t, err)

	const frame = `{"alg":"ES256","x":""}`
	for size, ok := range map[int]bool{4096: true, 4097: false} {
		header := strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
		require.Len(t, header, size)
		_, err := verify(sign(t, "ES256", header, `{}`), public("ES256"))
		require.Equal(t, ok, err == nil, "a header of %d bytes", size)
	}
}

func TestAHeaderOfTooManyValues(t *testing.T) {
	for n, ok := range map[int]bool{22: true, 23: false} { // beside alg and x itself
		header := `{"alg":"EdDSA","x":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]}`
		_, err := verify(sign(t, "EdDSA", header, `{}`), public("EdDSA"))
		if ok {
			require.NoError(t, err, "%d values", n)
			continue
		}
		requireKind(t, jws.KindMalformed, err)
	}
}

func TestASignatureLongerThanAnyKeys(t *testing.T) {
	input := unsigned(`{"alg":"RS256"}`, `{}`)
	for size, want := range map[int]jws.Kind{512: jws.KindSignature, 513: jws.KindMalformed, 4096: jws.KindMalformed} {
		_, err := verify(input+b64(make([]byte, size)), public("RS256"))
		requireKind(t, want, err)
	}
}

// A token of any length is read and verified alike, whether or not it fits on the stack.
func TestLengths(t *testing.T) {
	for n := 1; n < 9000; n += 1 + n/9 {
		payload := strings.Repeat("x", n)
		compact := sign(t, "EdDSA", `{"alg":"EdDSA"}`, payload)
		m, err := jws.Parse(compact, maxBytes)
		require.NoError(t, err)
		require.Equal(t, payload, m.Payload())
		require.Equal(t, n, m.PayloadSize())
		require.NoError(t, m.Verify(public("EdDSA")))
		start, err := m.PeekPayload(99)
		require.NoError(t, err)
		require.Equal(t, payload[:min(n, 99)], start)

		middle := strings.IndexByte(compact, '.') + 1 + (len(compact)-88-strings.IndexByte(compact, '.'))/2
		_, err = jws.Parse(compact[:middle]+"\n"+compact[middle:], maxBytes)
		requireKind(t, jws.KindMalformed, err)
	}
}

func TestAMessageIsReadAgain(t *testing.T) {
	var m jws.Message
	for _, payload := range []string{alice, `{"sub":"bob"}`, ``} {
		require.NoError(t, m.Split(sign(t, "EdDSA", `{"alg":"EdDSA"}`, payload), maxBytes))
		require.NoError(t, m.ReadHeader())
		got, err := m.ReadPayload()
		require.NoError(t, err)
		require.Equal(t, payload, got)
		require.NoError(t, m.Verify(public("EdDSA")))
	}
	require.NoError(t, m.Split(good(t, "EdDSA"), maxBytes))
	requireKind(t, jws.KindAlgorithm, m.Verify(public("EdDSA"))) // the header of the one before is not this one's
	require.Error(t, m.Split("a.b", maxBytes))
	require.Error(t, m.Verify(public("EdDSA")), "what could not be split has no header and no signature")
}

func TestOneOfSeveralKeys(t *testing.T) {
	m, err := jws.Parse(good(t, "ES256"), maxBytes)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, m.Verify(public("RS256"), other.Public(), public("ES256")))
	requireKind(t, jws.KindSignature, m.Verify(other.Public(), public("RS256")))
	requireKind(t, jws.KindKey, m.Verify(public("RS256"), nil))
	requireKind(t, jws.KindKey, m.Verify())
}

func TestErrorsQuoteNothingOfTheToken(t *testing.T) {
	for _, token := range []string{
		"secret", sign(t, "ES256", `{"alg":"secret"}`, "secret"), sign(t, "ES256", `{"alg":"ES256","crit":["secret"]}`, "secret"),
		sign(t, "ES384", `{"alg":"ES256","kid":"secret"}`, "secret"), sign(t, "ES256", `{"alg":"ES256","secret":secret}`, "secret"),
	} {
		_, err := verify(token, public("ES256"))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
	require.Equal(t, "unknown", jws.Kind(0).String())
}

// What is decoded by parts is decoded as by the whole.
func TestLongPayloads(t *testing.T) {
	strict := base64.RawURLEncoding.Strict()
	head, signature := b64([]byte(`{"alg":"ES256"}`))+".", "."+b64(make([]byte, 64))
	for size := 2000; size < 4200; size += 7 {
		segment := []byte(strings.Repeat("QUJD", size/4+1)[:size])
		for _, at := range []int{-1, 0, size - 1, size / 2, 1023, 1024, 1025} {
			for _, c := range []byte("x=\n\r.") {
				spelled := slices.Clone(segment)
				if at >= 0 {
					spelled[at] = c
				}
				want, wrong := strict.DecodeString(string(spelled))
				got, err := jws.Parse(head+string(spelled)+signature, 16<<10)
				if wrong != nil || bytes.ContainsAny(spelled, "\r\n") {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, string(want), got.Payload())
			}
		}
	}
}

// requireDecoded holds that a payload segment is taken exactly if encoding/base64 takes it strictly and has no line break to skip, and that it
// says the same.
func requireDecoded(t *testing.T, segment string) {
	t.Helper()
	want, wrong := base64.RawURLEncoding.Strict().DecodeString(segment)
	got, err := jws.Parse(b64([]byte(`{"alg":"ES256"}`))+"."+segment+"."+b64(make([]byte, 64)), 64<<10)
	if wrong != nil || strings.ContainsAny(segment, "\r\n") {
		requireKind(t, jws.KindMalformed, err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, string(want), got.Payload())
}

// Every byte at every place of segments that end in every way.
func TestEverySegmentHasOneSpelling(t *testing.T) {
	for size := range 25 {
		for at := range size {
			for b := range 256 {
				for _, rest := range []string{"A", "_"} {
					segment := []byte(strings.Repeat(rest, size))
					segment[at] = byte(b)
					requireDecoded(t, string(segment))
				}
			}
		}
	}
}
