package conformance_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// joseTally counts the vectors of one file by what they are about and by what happened.
type joseTally struct {
	accepted int // valid signatures of a supported algorithm
	refused  int // invalid ones, and whatever else is no good JWS
	// Not for us, and all refused:
	hmacValid, hmacInvalid int // symmetric keys: who can check such a token can make one
	jweValid, jweInvalid   int // encryption
	excepted               int // listed in joseExceptions
}

type joseGroup struct {
	Private, Public json.RawMessage
	Tests           []struct {
		ID     int             `json:"tcId"`
		Result string          `json:"result"`
		JWS    json.RawMessage `json:"jws"`
		JWE    json.RawMessage `json:"jwe"`
	}
}

// text is the token: compact ones are strings, the JSON serialisations are objects.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func TestJOSEVectors(t *testing.T) {
	for name, want := range joseLedger {
		t.Run(name, func(t *testing.T) {
			f := read[joseGroup](t, name)
			var got joseTally
			total := 0
			for _, g := range f.TestGroups {
				key := g.Public
				if key == nil {
					key = g.Private
				}
				symmetric := strings.Contains(string(key), `"oct"`) && !strings.Contains(string(key), `"EC"`)
				require.NotEmpty(t, g.Tests)
				for _, v := range g.Tests {
					total++
					token, encrypted := text(v.JWS), v.JWE != nil
					if encrypted {
						token = text(v.JWE)
					}
					err := verify(t, asSet(key), token)
					if e, ok := joseExceptions[name][v.ID]; ok {
						require.NotEqual(t, v.Result == valid, e.verdict, "tcId %d is no exception", v.ID)
						require.Equal(t, e.verdict, err == nil, "tcId %d: %s", v.ID, e.reason)
						got.excepted++
						continue
					}
					good := v.Result == valid
					require.Equal(t, good && !symmetric && !encrypted, err == nil, "tcId %d: %v", v.ID, err)
					switch {
					case encrypted && good:
						got.jweValid++
					case encrypted:
						got.jweInvalid++
					case symmetric && good:
						got.hmacValid++
					case symmetric:
						got.hmacInvalid++
					case good:
						got.accepted++
					default:
						got.refused++
					}
				}
			}
			require.Equal(t, f.NumberOfTests, total)
			require.Len(t, joseExceptions[name], got.excepted)
			require.Equal(t, want, got)
		})
	}
}
