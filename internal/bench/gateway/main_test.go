package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandLines(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want string // in the error; empty: none
	}{
		{"none", nil, ""},
		{"all", []string{"-rounds=3", "-for=2s", "-connections=8", "-threads=2", "-alg=ES256"}, ""},
		{"a short one", []string{"-short"}, ""},
		{"memory", []string{"-memory=10m"}, ""},
		{"parts", []string{"-parts"}, ""},
		{"parts and memory", []string{"-parts", "-memory=10m"}, "-parts"},
		{"an algorithm that is not compared", []string{"-alg=EdDSA"}, "-alg"},
		{"wrk knows no half seconds", []string{"-for=1500ms"}, "-for"},
		{"no rounds", []string{"-rounds=0"}, "-rounds"},
		{"more threads than connections", []string{"-threads=3", "-connections=2"}, "-threads"},
		{"no thread", []string{"-threads=0"}, "-threads"},
		{"memory for a moment", []string{"-memory=5s"}, "-memory"},
		{"memory for less than nothing", []string{"-memory=-10m"}, "-memory"},
		{"an argument", []string{"memory"}, "flags only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parse(tc.args, io.Discard)
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
}

func TestAPartThatIsNone(t *testing.T) {
	for _, args := range [][]string{nil, {"gateway"}, {"bare"}, {"bare", "://"}, {"tuned", "://"}, {"bare", "http://127.0.0.1:1", "https://id.example.com"}, {"bare", "http://127.0.0.1:1", "https://id.example.com", "-"}, {"tuned", "http://127.0.0.1:1", "https://id.example.com", "AAAA"}} {
		_, err := part(args)
		require.Error(t, err, args)
	}
}
