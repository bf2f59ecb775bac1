package jws_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
)

// Segments are decoded by groups, in pieces, and the rest by encoding/base64: every length ends elsewhere, and every byte may stand anywhere.
func TestSegmentsAreDecodedAsByEncodingBase64(t *testing.T) {
	decode := func(segment string) (string, error) {
		var m jws.Message
		require.NoError(t, m.Split("e30."+segment+".AA", 16<<10))
		return m.ReadPayload()
	}
	for _, size := range []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 767, 768, 769, 1533, 1536, 1537, 2000, 3000, 4001} {
		payload := bytes.Repeat([]byte("\x00\x10\x83\x10Q\x87 \x92\x8b0\xd3\x8fA\x14\x93QU\x97a\x96\x9bq\xd7\x9f\x82\x18\xa3\x92Y\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3]\xb7\xe3\x9e\xbb\xf3\xdf\xbf"), 90)[:size]
		segment := base64.RawURLEncoding.EncodeToString(payload)
		got, err := decode(segment)
		require.NoError(t, err)
		require.Equal(t, string(payload), got)
		for _, at := range []int{0, 1, 2, 3, 4, 5, 6, 7, len(segment) / 2, len(segment) - 9, len(segment) - 2, len(segment) - 1} {
			if at < 0 || at >= len(segment) {
				continue
			}
			for c := range 256 {
				if strings.ContainsRune(".", rune(c)) {
					continue
				}
				bent := segment[:at] + string([]byte{byte(c)}) + segment[at+1:]
				want, wantErr := base64.RawURLEncoding.Strict().DecodeString(bent)
				got, err := decode(bent)
				if wantErr != nil || c == '\n' || c == '\r' {
					require.Error(t, err, "%q", bent)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, string(want), got)
			}
		}
	}
}
