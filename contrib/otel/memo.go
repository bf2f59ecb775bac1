package otel

import (
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// maxSeries bounds what a memo remembers, and with it the series of an instrument. It is below what SDKs keep.
const maxSeries = 1000

// overflow is what semantic conventions call a value that is not told apart.
const overflow = "_OTHER"

// A label is what a series is told apart by.
type label[L any] interface {
	comparable
	attributes() []attribute.KeyValue
	other() L // one of few, for when there are too many
}

// A memo has the attributes of each label ready, so that counting makes nothing anew, and keeps the labels few.
type memo[L label[L]] struct {
	known atomic.Pointer[map[L]options]
	lock  sync.Mutex // to add
}

// options are the same attributes for a counter and for a histogram.
type options struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func (m *memo[L]) of(l L) options {
	if known := m.known.Load(); known != nil {
		if o, ok := (*known)[l]; ok {
			return o
		}
	}
	return m.learn(l)
}

// learn remembers l, or its stand-in if there are too many.
func (m *memo[L]) learn(l L) options {
	m.lock.Lock()
	defer m.lock.Unlock()
	var known map[L]options
	if p := m.known.Load(); p != nil {
		known = *p
	}
	if len(known) >= maxSeries {
		l = l.other()
	}
	if o, ok := known[l]; ok {
		return o
	}
	set := metric.WithAttributeSet(attribute.NewSet(l.attributes()...))
	o := options{[]metric.AddOption{set}, []metric.RecordOption{set}}
	more := maps.Clone(known)
	if more == nil {
		more = map[L]options{}
	}
	more[l] = o
	m.known.Store(&more)
	return o
}
