package main

import (
	"sync"
	"time"
)

// glance is how long a watch looks ahead, and how often.
const glance = time.Second

// A watch ends exchanges in time. Those that have longer than a glance stand in a list that is looked through once a glance. Nearly all are over
// before their time; a timer for each would cost more than all else that is done for it, since one that is due before the others wakes a thread.
//
// The zero watch has nothing to do. It is safe for concurrent use, and leaves no goroutine behind.
type watch struct {
	mu      sync.Mutex
	first   *exchange // of the list, in no order
	looking bool      // look will be called
}

// waiting is what a watch notes of an exchange. It belongs to the watch.
type waiting struct {
	at          time.Time
	timer       *time.Timer // nil: in the list, or gone
	listed      bool
	left, right *exchange
}

// add has x expire at a time. It does not wait for it.
func (w *watch) add(x *exchange, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.waiting.at = at
	w.place(x, time.Until(at))
}

// move has x expire at another time, if it is still waiting.
func (w *watch) move(x *exchange, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !x.waiting.listed && (x.waiting.timer == nil || !x.waiting.timer.Stop()) {
		return
	}
	w.unlist(x)
	x.waiting.at = at
	w.place(x, time.Until(at))
}

// remove forgets x. It may be expiring just now.
func (w *watch) remove(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlist(x)
	if x.waiting.timer != nil {
		x.waiting.timer.Stop()
		x.waiting.timer = nil
	}
}

// place gives x a timer, or a place in the list if there is time to look again before it is due.
func (w *watch) place(x *exchange, left time.Duration) {
	if left <= 2*glance {
		x.waiting.timer = time.AfterFunc(left, x.expire)
		return
	}
	x.waiting.listed, x.waiting.right = true, w.first
	if w.first != nil {
		w.first.waiting.left = x
	}
	w.first = x
	if !w.looking {
		w.looking = true
		time.AfterFunc(glance, w.look)
	}
}

func (w *watch) unlist(x *exchange) {
	if !x.waiting.listed {
		return
	}
	left, right := x.waiting.left, x.waiting.right
	if left != nil {
		left.waiting.right = right
	} else {
		w.first = right
	}
	if right != nil {
		right.waiting.left = left
	}
	x.waiting.listed, x.waiting.left, x.waiting.right = false, nil, nil
}

// look gives timers to those that are due before the time after next.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for x := w.first; x != nil; {
		next := x.waiting.right
		if left := x.waiting.at.Sub(now); left <= 2*glance {
			w.unlist(x)
			w.place(x, left)
		}
		x = next
	}
	w.looking = w.first != nil
	if w.looking {
		time.AfterFunc(glance, w.look)
	}
}
