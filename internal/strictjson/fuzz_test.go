package strictjson_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// FuzzObject holds strictjson against encoding/json. What is accepted is valid there, with the same members and values; what is
// refused has one of the faults that strictjson exists to find.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b":[true,false,null,{"c":"d"}]}`, `{"a":"\ud83d\ude00\u00e9\\"}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`,
		`{"a":-0.1e+5}`, `{"a":"` + "\xff" + `"}`, `{"a":"\ud800"}`, ` { "a" : [ ] } `, `{"exp":1,"EXP":2}`, `[]`, `{"a":1e400}`,
		crowded(20, 20), crowded(20, 4), deep(32), deep(33),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		type member struct {
			name  string
			value []byte
		}
		var members []member
		err := strictjson.Object(data, func(name string, value []byte) error {
			members = append(members, member{name, value})
			return nil
		})
		var scanned []member
		scanErr := strictjson.Scan(string(data), len(data), func(name, value string) {
			scanned = append(scanned, member{name, []byte(value)})
		})
		require.Equal(t, err, scanErr, "Scan is Object in one pass")
		value, _ := strictjson.Find(string(data), "no such member", len(data))
		require.Empty(t, value)
		if err != nil {
			require.Empty(t, members)
			require.False(t, plain(data), "refused without a reason: %v", err)
			return
		}
		require.True(t, json.Valid(data))
		require.True(t, utf8.Valid(data))
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &want))
		require.Len(t, members, len(want))
		require.Equal(t, members, scanned)
		var start []member
		_ = strictjson.Scan(string(data[:len(data)/2]), len(data), func(name, value string) {
			start = append(start, member{name, []byte(value)})
		})
		require.LessOrEqual(t, len(start), len(members))
		for i := range start {
			require.Equal(t, members[i], start[i], "what was cut off is not found, or found whole")
		}
		for _, m := range members {
			value, err := strictjson.Find(string(data), m.name, len(data))
			require.NoError(t, err)
			require.Equal(t, string(m.value), value)
		}
		for _, m := range members {
			require.Equal(t, string(want[m.name]), string(m.value))
			agree(t, m.value)
		}
	})
}

// agree holds the readers of single values against encoding/json.
func agree(t *testing.T, value []byte) {
	t.Helper()
	var want any
	unmarshalled := json.Unmarshal(value, &want)
	text, isText := strictjson.String(value)
	number, isNumber := strictjson.Number(value)
	truth, isBool := strictjson.Bool(value)
	list, isList := strictjson.Strings(value)
	switch want := want.(type) {
	case string:
		require.True(t, isText)
		require.Equal(t, want, text)
	case float64:
		require.NoError(t, unmarshalled)
		require.True(t, isNumber)
		require.Equal(t, want, number) //nolint:testifylint // both round the same text
	case bool:
		require.True(t, isBool)
		require.Equal(t, want, truth)
	case []any:
		var texts []string
		for _, element := range want {
			if s, ok := element.(string); ok {
				texts = append(texts, s)
			}
		}
		require.Equal(t, len(texts) == len(want), isList)
		if isList {
			require.Equal(t, texts, list)
		}
	}
	kinds := 0
	for _, is := range []bool{isText, isNumber, isBool, isList} {
		if is {
			kinds++
		}
	}
	require.LessOrEqual(t, kinds, 1)
}

// plain tells, with the tokens of encoding/json and no code of ours, that data has none of the faults: it may be wrong about
// documents with escapes of surrogates, and then says no.
func plain(data []byte) bool {
	if !json.Valid(data) || !utf8.Valid(data) || !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) ||
		strings.Contains(strings.ToLower(string(data)), `\ud`) {
		return false
	}
	type open struct {
		names map[string]bool // nil for an array
		value bool            // the next string is a value
	}
	var stack []open
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		tok, err := dec.Token()
		if err != nil {
			return err == io.EOF
		}
		switch tok {
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			continue
		}
		if top := len(stack) - 1; top >= 0 && stack[top].names != nil {
			if name, ok := tok.(string); ok && !stack[top].value {
				if stack[top].names[name] {
					return false
				}
				stack[top].names[name], stack[top].value = true, true
				continue
			}
			stack[top].value = false
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, open{names: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, open{})
		}
		if len(stack) > strictjson.MaxDepth {
			return false
		}
	}
}

// FuzzFind holds Find against encoding/json, token by token: in a document that Object accepts it finds what is there, up to as many members and
// elements as it is given; in any other it returns.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"iss":"x"}`, ` { "a" : [ "x]" , {"iss":"no"} ] , "\\":"\"," , "\u0069ss" : "yes" , "n":-1.5 } `, `{"a":[[],{},[ ],[1],{"b":{}}],"iss":""}`,
		`{"iss":{"iss":[1,2,{"iss":3}]},"aiss":1}`, `{"\\\\\\\\":"\\\\\\\"","i\u0073s":1}`, `{"12345678":"\"234567\\","iss":"1234567\""}`,
		`{"\u0069\u0073\u0074":1,"ISS":2,"iss ":3,"is\u0073":4}`, `{"a":"é\ud83d\ude00","é":1,"\u00e9":2}`, `{"a":1,"iss":`, `{"iss"`, `[]`, `{"a":]"iss":1}`,
		crowded(20, 20), deep(32),
	} {
		for most := range 30 {
			f.Add(seed, "iss", uint16(most))
		}
		f.Add(seed, "", uint16(100))
		f.Add(seed, `\`, uint16(100))
	}
	f.Fuzz(func(t *testing.T, document, name string, most uint16) {
		value, err := strictjson.Find(document, name, int(most))
		require.Contains(t, document, value)
		require.True(t, value == "" || err == nil)
		whole := "" // the value of a member that is not cut off
		if strictjson.Object([]byte(document), func(string, []byte) error { return nil }) != nil {
			return
		}
		read := readMembers(t, document)
		total := 0
		for _, m := range read {
			if total = m.begun; m.name == name {
				whole = m.value
				break
			}
		}
		if total > int(most) {
			require.ErrorIs(t, err, strictjson.ErrTooMany)
			return
		}
		require.NoError(t, err)
		require.Equal(t, whole, value)
	})
}

type readMember struct {
	name, value string
	begun       int // how many members and elements, itself not counted, begin before its end, as Find counts them
}

// readMembers are the members of a good document, by encoding/json.
func readMembers(t *testing.T, document string) (list []readMember) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(document))
	token := func() json.Token {
		tok, err := dec.Token()
		require.NoError(t, err)
		return tok
	}
	var skip func() int
	skip = func() (begun int) {
		opens := token()
		if opens != json.Delim('{') && opens != json.Delim('[') {
			return 0
		}
		for dec.More() {
			if opens == json.Delim('{') {
				token()
			}
			begun += 1 + skip()
		}
		token()
		return max(begun, 1)
	}
	token()
	for begun := 0; dec.More(); begun += 4 {
		name, _ := token().(string)
		start := dec.InputOffset()
		begun += skip()
		value := strings.TrimLeft(strings.TrimLeft(document[start:dec.InputOffset()], " \t\r\n"), ":")
		list = append(list, readMember{name, strings.TrimLeft(value, " \t\r\n"), begun})
	}
	return list
}
