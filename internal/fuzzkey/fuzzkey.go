// Package fuzzkey makes an RSA key for fuzz tests.
//
// A fuzzing process starts workers that must be able to check what it has signed, and no private key is kept in the
// repository. So the first process makes the key and hands it to its workers in their environment. ECDSA and Ed25519 keys need
// no such help: a test makes them from a number of its own.
package fuzzkey

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"os"
	"sync"
)

// variable names the key in the environment of workers.
const variable = "PERIMETER_FUZZ_RSA"

// RSA returns the key of this fuzzing process and its workers, of 2048 bits. It panics where no key can be made or the environment
// holds none, since a test can do nothing about that.
var RSA = sync.OnceValue(func() *rsa.PrivateKey {
	if given := os.Getenv(variable); given != "" {
		der, err := base64.StdEncoding.DecodeString(given)
		must(err)
		key, err := x509.ParsePKCS1PrivateKey(der)
		must(err)
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	must(os.Setenv(variable, base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key))))
	return key
})

func must(err error) {
	if err != nil {
		panic("fuzzkey: " + err.Error())
	}
}
