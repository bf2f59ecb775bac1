package introspect

import (
	"context"
	"errors"
	"reflect"
)

var errPanic = errors.New("introspect: a function of the caller's panicked")

// contain runs a function of the caller's, or one that calls such. It returns when ctx ends, whether or not the function heeds that,
// and takes a panic or the end of the goroutine for an error.
func contain[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		got := outcome{err: errPanic}
		defer func() {
			if recover() != nil {
				got = outcome{err: errPanic}
			}
			done <- got
		}()
		value, err := f(ctx)
		got = outcome{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		select {
		case got := <-done: // both at once: what came counts
			return got.value, got.err
		default:
		}
		var none T
		return none, ctx.Err()
	}
}

// tell calls the hook, and returns when that has, whatever it does: it may even end its goroutine.
func (s *settings) tell(event string) {
	if s.observe == nil {
		return
	}
	_, _ = contain(context.Background(), func(context.Context) (struct{}, error) {
		s.observe(event)
		return struct{}{}, nil
	})
}

// isNil also sees a nil pointer, map or function in the interface, whose methods would panic at the first use.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Slice, reflect.Chan:
		return r.IsNil()
	default:
		return false
	}
}
