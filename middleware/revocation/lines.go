package revocation

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

const (
	maxDocument = 256 << 20
	maxLine     = 64 << 10
	maxMistakes = 20
	maxSeconds  = 9223372036 // the last second that fits a time in nanoseconds
)

var (
	errLarge     = errors.New("larger than 256 MiB")
	errUnended   = errors.New("the last line has no end: it may not be whole")
	errNoObject  = errors.New("no JSON object")
	errMember    = errors.New("a member that is not known, or of another kind than it must be")
	errLongLine  = errors.New("a line longer than 64 KiB")
	errManyWrong = errors.New("and more")
)

// readLines reads the form that files and URLs have: a JSON object on each line, with the members iss, jti, sub, sid, client_id,
// before and until, the last two in seconds since 1970. Empty lines are skipped, and no other member is allowed, since a name that
// is mistyped would cut off nobody. Every line has an end, so that a document that was cut is not taken for a whole one. Mistakes
// are reported together, up to a bound, each with the number of its line and nothing of it.
func readLines(r io.Reader) ([]Entry, error) {
	var entries []Entry
	var errs []error
	counted := &io.LimitedReader{R: r, N: maxDocument + 1}
	b := bufio.NewReaderSize(counted, maxLine)
	for n := 1; ; n++ {
		line, err := b.ReadSlice('\n')
		switch {
		case counted.N <= 0:
			return nil, errLarge
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("line %d: %w", n, errLongLine)
		case errors.Is(err, io.EOF) && len(line) == 0:
			return entries, errors.Join(errs...)
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("line %d: %w", n, errUnended)
		case err != nil:
			return nil, err
		case isBlank(line):
			continue
		}
		e, err := readLine(line)
		if err == nil {
			entries = append(entries, e)
			continue
		}
		errs = append(errs, fmt.Errorf("line %d: %w", n, err))
		if len(errs) == maxMistakes {
			return nil, errors.Join(append(errs, errManyWrong)...)
		}
	}
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// readLine copies what it keeps: the line is overwritten by the next.
func readLine(line []byte) (Entry, error) {
	var e Entry
	err := strictjson.Object(line, func(name string, value []byte) error {
		if !e.set(name, value) {
			return errMember
		}
		return nil
	})
	if err != nil && !errors.Is(err, errMember) {
		err = errNoObject
	}
	if err == nil {
		_, _, err = e.compile()
	}
	return e, err
}

// set reports whether a member has a meaning, and its value the right kind. A name that is empty means nothing, and so is a mistake.
func (e *Entry) set(name string, value []byte) bool {
	switch name {
	case "before":
		return setTime(&e.IssuedBefore, value)
	case "until":
		return setTime(&e.Until, value)
	}
	field, known := map[string]*string{"iss": &e.Issuer, "jti": &e.TokenID, "sub": &e.Subject, "sid": &e.SessionID, "client_id": &e.ClientID}[name]
	if !known {
		return false
	}
	text, ok := strictjson.String(value)
	*field = text
	return ok && text != ""
}

func setTime(t *time.Time, value []byte) bool {
	seconds, ok := strictjson.Number(value)
	if !ok || !(seconds > 0 && seconds < maxSeconds) {
		return false
	}
	whole := int64(seconds)
	*t = time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second)))
	return true
}
