package introspect_test

import (
	"context"
	"sync"
	"time"
)

// memory is a Store that two clients can share.
type memory struct {
	mu     sync.Mutex
	values map[string]value
	err    error
	hang   bool // whatever the context says
	asked  int
}

type value struct {
	data  []byte
	until time.Time
}

func newMemory() *memory { return &memory{values: map[string]value{}} }

func (m *memory) begin() error {
	m.mu.Lock()
	m.asked++
	hang, err := m.hang, m.err
	m.mu.Unlock()
	if hang {
		time.Sleep(3 * time.Second)
	}
	return err
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	if err := m.begin(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.values[key]; ok && time.Now().Before(v.until) {
		return v.data, nil
	}
	return nil, nil
}

func (m *memory) Set(_ context.Context, key string, data []byte, ttl time.Duration) error {
	if err := m.begin(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value{data, time.Now().Add(ttl)}
	return nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	if err := m.begin(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

func trusting(_ context.Context, jwt string) ([]byte, error) { return []byte(jwt), nil }
