package introspect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// sealed is a value in the Store, before it is encrypted.
type sealed struct {
	verdict verdict
	asked   time.Time // when the call began, by the wall clock of the gateway that made it
	payload []byte    // the issuer's answer about an active token
}

// answer reads the payload as if the issuer had just sent it.
func (v sealed) answer(issuer string) (answer, bool) {
	if v.verdict != active {
		return answer{verdict: inactive}, v.verdict == inactive
	}
	a, ok := readAnswer(v.payload, issuer)
	return a, ok && a.verdict == active
}

// sealer encrypts and authenticates values, each for the one name that it is kept under.
type sealer struct{ secret []byte }

const sealedHead = 1 + 1 + 8 // version, verdict, milliseconds since 1970

const sealVersion = 1

const maxSealed = sealedHead + maxAnswer + 12 + 16 // with GCM's nonce and tag

// aead is AES-256-GCM with a key for this name alone: no value opens under another name, and random nonces stay rare under each.
func (s sealer) aead(name string) cipher.AEAD {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(name))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic(err) // only of a length that no HMAC-SHA256 has
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only of a block size that AES does not have
	}
	return aead
}

func (s sealer) seal(name string, v sealed) []byte {
	plain := make([]byte, 0, sealedHead+len(v.payload))
	plain = append(plain, sealVersion, byte(v.verdict))
	plain = binary.BigEndian.AppendUint64(plain, uint64(v.asked.UnixMilli()))
	plain = append(plain, v.payload...)
	return s.aead(name).Seal(nil, nil, plain, []byte(name)) //nolint:gosec // this AEAD makes a random nonce by itself and takes none
}

// open is false for whatever seal did not make, for this name and under this secret.
func (s sealer) open(name string, value []byte) (sealed, bool) {
	if len(value) > maxSealed {
		return sealed{}, false
	}
	plain, err := s.aead(name).Open(nil, nil, value, []byte(name))
	if err != nil || len(plain) < sealedHead || plain[0] != sealVersion {
		return sealed{}, false
	}
	return sealed{
		verdict: verdict(plain[1]),
		asked:   time.UnixMilli(int64(binary.BigEndian.Uint64(plain[2:sealedHead]))), //nolint:gosec // it was an int64
		payload: plain[sealedHead:],
	}, true
}
