package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
)

// contentions is the section on many at once.
func contentions(ctx context.Context, s size) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alone, err := paths(ctx)
	if err != nil {
		return "", err
	}
	crowds, err := crowding(alone, s)
	if err != nil {
		return "", err
	}
	waits, err := waiting(alone, s)
	if err != nil {
		return "", err
	}
	return section("Many at once", "Time of one, on each processor, by so many goroutines. The last two columns are last over first, of the path and of what was measured in turns with it and shares nothing: the SHA-256 "+
		"of a token, or for the middleware one that passes a context. What grows more than that waits for each other.", crowds) +
		section("Contention", fmt.Sprintf("Time that goroutines waited for each other in Perimeter's code, by the runtime's mutex and block profiles with every event recorded: 16 goroutines on %d "+
			"processors for %s each, in sum. The locks of the runtime itself are those of memory allocation.", runtime.NumCPU(), s.contend), waits), nil
}

// waiting runs each path in a crowd under the profiles.
func waiting(alone []path, s size) (table, error) {
	runtime.SetBlockProfileRate(1)
	defer runtime.SetBlockProfileRate(0)
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
	rows := table{{"path", "done", "behind mutexes", "behind locks of the runtime", "blocked, channels included"}}
	for _, p := range append(alone, path{target: control()}) {
		t := p.target
		var mu sync.Mutex
		done := 0
		before := waited()
		err := shared(target{"", func(int) error {
			n := 0
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				done += n
			}()
			for began := time.Now(); time.Since(began) < s.contend; n += 10 {
				if err := t.do(10); err != nil {
					return err
				}
			}
			return nil
		}}, 16).do(16)
		if err != nil {
			return nil, err
		}
		after := waited()
		rows = append(rows, []string{t.name, strconv.Itoa(done), (after.mutex - before.mutex).String(), (after.runtime - before.runtime).String(), (after.block - before.block).String()})
	}
	return rows, nil
}

// control waits by design, which shows that the profiles see what they should: each look-up of a Cache without keys waits for a fetch.
func control() target {
	return repeat("control: keys that have to be fetched", func() error {
		keys, err := jwks.New("http://127.0.0.1/jwks", &jwks.Options{
			HTTPClient: &http.Client{Transport: nobody{}}, InsecureAllowHTTP: true, Timeout: time.Second,
		})
		if err != nil {
			return err
		}
		if _, err := keys.PublicKeys(context.Background(), "a", "ES256"); !errors.Is(err, jwks.ErrUnavailable) {
			return errors.Join(errNoKey, err)
		}
		return nil
	})
}

// nobody answers after a moment that there is nobody.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(time.Millisecond)
	return nil, http.ErrServerClosed
}

// delays are the sums of the profiles since the program began.
type delays struct{ mutex, runtime, block time.Duration }

func waited() delays {
	mutex, own := sum(runtime.MutexProfile)
	block, _ := sum(runtime.BlockProfile)
	return delays{mutex, own, block}
}

// sum adds up what went through the library: behind locks of any package, and behind those of the runtime.
func sum(profile func([]runtime.BlockProfileRecord) (int, bool)) (locks, own time.Duration) {
	records := make([]runtime.BlockProfileRecord, 1<<14)
	n, ok := profile(records)
	if !ok {
		panic("bench: more stacks than there should be")
	}
	perSecond := cyclesPerSecond()
	for _, r := range records[:n] {
		delay := time.Duration(float64(r.Cycles) / perSecond * float64(time.Second))
		first, _ := runtime.CallersFrames(r.Stack()).Next()
		switch {
		case !inPerimeter(r.Stack()):
		case strings.HasPrefix(first.Function, "runtime.unlock"):
			own += delay
		default:
			locks += delay
		}
	}
	return locks.Round(time.Microsecond), own.Round(time.Microsecond)
}

// inPerimeter says whether a stack goes through the library.
func inPerimeter(stack []uintptr) bool {
	const library = "github.com/perimeter-go/perimeter/"
	for frames := runtime.CallersFrames(stack); ; {
		frame, more := frames.Next()
		if rest, ok := strings.CutPrefix(frame.Function, library); ok && !strings.HasPrefix(rest, "internal/bench") {
			return true
		}
		if !more {
			return false
		}
	}
}

var cyclesLine = regexp.MustCompile(`cycles/second=(\d+)`)

// cyclesPerSecond is the unit of the profiles, which the runtime tells in their text alone.
func cyclesPerSecond() float64 {
	var b bytes.Buffer
	if err := pprof.Lookup("mutex").WriteTo(&b, 1); err != nil {
		panic(err) // a Buffer takes everything
	}
	m := cyclesLine.FindSubmatch(b.Bytes())
	if m == nil {
		panic("bench: the mutex profile does not tell its unit")
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		panic(err) // the expression admits digits only
	}
	return n
}
