package limit

import "time"

const (
	known    = 8   // wrong credentials of a bucket by which repeats are told
	perGuess = 10  // repeats that weigh as much as a guess, out of an allowance of their own
	atOnce   = 100 // new credentials of a peer under examination
	noPlace  = int64(time.Second)
)

// An allowance is how much guessing is allowed. It is that of the generic cell rate algorithm: what a bucket keeps is when its
// debt will be paid.
type allowance struct {
	each  time.Duration // gives one guess back
	burst int
}

func (a allowance) most() int64 { return int64(a.each) * int64(a.burst) }

// A bucket counts for a peer, or for a network.
type bucket struct {
	guesses, repeats int64 // when the debt of each is paid
	pending          int32 // under examination
	oldest           uint8
	wrong            [known]credential
}

func (b *bucket) isClean(now int64) bool {
	return b.pending == 0 && b.guesses <= now && b.repeats <= now
}

func (b *bucket) knows(c credential) bool {
	if c == nothing {
		return false
	}
	for _, w := range b.wrong {
		if w == c {
			return true
		}
	}
	return false
}

// A meter reads buckets of one size: each guess costs them a part of the time that a peer's costs.
type meter struct {
	guess, repeat, most int64
	atOnce              int64
}

// meter is that of a bucket with the allowance of so many peers.
func (a allowance) meter(peers int64) meter {
	guess := int64(a.each) / peers
	return meter{guess: guess, repeat: guess / perGuess, most: a.most(), atOnce: atOnce * peers}
}

// wait is how long to wait until a credential may be examined, 0 if it may now.
//
// Who has guessed lately has no more credentials under examination at once than guesses left.
func (m *meter) wait(b *bucket, repeat bool, now int64) int64 {
	paid, cost := b.guesses, m.guess
	if repeat {
		paid, cost = b.repeats, m.repeat
	}
	debt := max(paid-now, 0)
	if debt+cost > m.most {
		return debt + cost - m.most
	}
	places := m.atOnce
	if !repeat && debt > 0 {
		places = min(places, (m.most-debt)/cost)
	}
	if int64(b.pending) >= places {
		return noPlace
	}
	return 0
}

// charge counts a wrong credential and remembers it, so that the next time it is a repeat. It says whether it was one.
func (m *meter) charge(b *bucket, c credential, repeat bool, now int64) bool {
	repeat = repeat || b.knows(c)
	if repeat {
		b.repeats = min(max(b.repeats, now)+m.repeat, now+m.most) // however many were under examination
	} else {
		b.guesses = max(b.guesses, now) + m.guess
	}
	if c != nothing && !b.knows(c) {
		b.wrong[b.oldest] = c
		b.oldest = (b.oldest + 1) % known
	}
	return repeat
}
