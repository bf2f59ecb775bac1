package strictjson_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// object reads data and returns its members in order, as name=value.
func object(data string) (members []string, err error) {
	err = strictjson.Object([]byte(data), func(name string, value []byte) error {
		members = append(members, fmt.Sprintf("%s=%s", name, value))
		return nil
	})
	return members, err
}

func TestMembersComeInOrderAndRaw(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		want       []string
	}{
		{"an empty object", `{}`, nil},
		{"an empty object with blanks about", " \t\r\n{ \n} \r", nil},
		{
			"every kind of value", `{"a":null,"b":true,"c":false,"d":-0.5e+3,"e":"x","f":[1,2],"g":{"h":1}}`,
			[]string{`a=null`, `b=true`, `c=false`, `d=-0.5e+3`, `e="x"`, `f=[1,2]`, `g={"h":1}`},
		},
		{"blanks around values are not theirs", `{ "a" : 1 , "b" : [ 1 ] }`, []string{`a=1`, `b=[ 1 ]`}},
		{"names differ by case", `{"exp":1,"EXP":2,"Exp":3}`, []string{`exp=1`, `EXP=2`, `Exp=3`}},
		{"names that fold alike in Unicode", `{"scope":1,"ſcope":2}`, []string{`scope=1`, `ſcope=2`}},
		{"names that only normalise alike", "{\"\u00e9\":1,\"e\u0301\":2}", []string{"\u00e9=1", "e\u0301=2"}},
		{"an escaped name is unescaped", `{"\u0061\/\"\\\b\f\n\r\t":1}`, []string{"a/\"\\\b\f\n\r\t=1"}},
		{"a surrogate pair in a name", `{"\ud83d\ude00":1}`, []string{"😀=1"}},
		{
			"escaped names around escaped names and text", `{"\u0061":{"\u0062":"\u0078","\u0063":["\n",{"\t":1}]},"\u0064":"\u0079","\u0065":2}`,
			[]string{`a={"\u0062":"\u0078","\u0063":["\n",{"\t":1}]}`, `d="\u0079"`, `e=2`},
		},
		{"a NUL escape is a character", `{"a\u0000":1,"a":2}`, []string{"a\x00=1", "a=2"}},
		{"hexadecimal digits of either case", `{"\u00E9\u00e8\uABCD\uabce":1}`, []string{"\u00e9\u00e8\uabcd\uabce=1"}},
		{"the empty name", `{"":1}`, []string{"=1"}},
		{"one name at several depths", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`, []string{`a={"a":{"a":1}}`, `b=[{"a":1},{"a":2}]`}},
		{"32 levels", deep(32), []string{"a=" + deep(32)[5:len(deep(32))-1]}},
		{"U+FFFD spelled out", `{"a":"\ufffd","b":"�"}`, []string{`a="\ufffd"`, `b="�"`}},
		{"DEL and line separators are characters", "{\"a\":\"\x7f\u2028\u2029\"}", []string{"a=\"\x7f\u2028\u2029\""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := object(tc.data)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

// deep is an object that nests n levels of arrays and objects, itself included.
func deep(n int) string {
	return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
}

func TestObjectRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		want       error
	}{
		{"nothing", ``, strictjson.ErrSyntax},
		{"blanks only", " \n", strictjson.ErrSyntax},
		{"a number that no float64 can hold", `{"a":[1e400]}`, strictjson.ErrRange},
		{"the same without an exponent", `{"a":-1` + strings.Repeat("0", 309) + `}`, strictjson.ErrRange},
		{"an array", `[]`, strictjson.ErrKind},
		{"a string", `"{}"`, strictjson.ErrKind},
		{"null", `null`, strictjson.ErrKind},
		{"a number", `1`, strictjson.ErrKind},
		{"a byte order mark", "\ufeff{}", strictjson.ErrKind},
		{"text after the object", `{}x`, strictjson.ErrSyntax},
		{"a second object", `{}{}`, strictjson.ErrSyntax},
		{"a NUL after the object", "{}\x00", strictjson.ErrSyntax},
		{"a brace too many", `{}}`, strictjson.ErrSyntax},
		{"an open object", `{"a":1`, strictjson.ErrSyntax},
		{"an open brace", `{`, strictjson.ErrSyntax},
		{"an open array", `{"a":[1`, strictjson.ErrSyntax},
		{"an open string", `{"a":"`, strictjson.ErrSyntax},
		{"an open name", `{"a`, strictjson.ErrSyntax},
		{"crossed brackets", `{"a":[}]`, strictjson.ErrSyntax},
		{"a comma before the end", `{"a":1,}`, strictjson.ErrSyntax},
		{"a comma first", `{,"a":1}`, strictjson.ErrSyntax},
		{"two commas", `{"a":1,,"b":2}`, strictjson.ErrSyntax},
		{"a comma at the end of an array", `{"a":[1,]}`, strictjson.ErrSyntax},
		{"no comma", `{"a":1 "b":2}`, strictjson.ErrSyntax},
		{"no colon", `{"a" 1}`, strictjson.ErrSyntax},
		{"an equals sign", `{"a"=1}`, strictjson.ErrSyntax},
		{"no value", `{"a":}`, strictjson.ErrSyntax},
		{"a bare name", `{a:1}`, strictjson.ErrSyntax},
		{"a name in single quotes", `{'a':1}`, strictjson.ErrSyntax},
		{"a name that is a number", `{1:1}`, strictjson.ErrSyntax},
		{"a comment", `{/**/"a":1}`, strictjson.ErrSyntax},
		{"a form feed as a blank", "{\f}", strictjson.ErrSyntax},
		{"a no-break space as a blank", "{\u00a0}", strictjson.ErrSyntax},
		{"a capital literal", `{"a":True}`, strictjson.ErrSyntax},
		{"half a literal", `{"a":tru}`, strictjson.ErrSyntax},
		{"a literal that goes on", `{"a":nullx}`, strictjson.ErrSyntax},
		{"NaN", `{"a":NaN}`, strictjson.ErrSyntax},
		{"infinity", `{"a":-Infinity}`, strictjson.ErrSyntax},

		{"a leading zero", `{"a":01}`, strictjson.ErrSyntax},
		{"a leading plus", `{"a":+1}`, strictjson.ErrSyntax},
		{"a minus alone", `{"a":-}`, strictjson.ErrSyntax},
		{"two minuses", `{"a":--1}`, strictjson.ErrSyntax},
		{"a point without digits after", `{"a":1.}`, strictjson.ErrSyntax},
		{"a point without digits before", `{"a":.5}`, strictjson.ErrSyntax},
		{"an exponent without digits", `{"a":1e}`, strictjson.ErrSyntax},
		{"a signed exponent without digits", `{"a":1e+}`, strictjson.ErrSyntax},
		{"a hexadecimal number", `{"a":0x10}`, strictjson.ErrSyntax},
		{"digits in groups", `{"a":1_000}`, strictjson.ErrSyntax},

		{"a line break in a string", "{\"a\":\"\n\"}", strictjson.ErrSyntax},
		{"a NUL in a string", "{\"a\":\"\x00\"}", strictjson.ErrSyntax},
		{"a control character after an escape", "{\"a\":\"\\n\x1f\"}", strictjson.ErrSyntax},
		{"a tab in a name", "{\"a\t\":1}", strictjson.ErrSyntax},
		{"an escape that is none", `{"a":"\x41"}`, strictjson.ErrSyntax},
		{"an escaped single quote", `{"a":"\'"}`, strictjson.ErrSyntax},
		{"an escaped NUL", "{\"a\":\"\\\x00\"}", strictjson.ErrSyntax},
		{"a backslash at the end", `{"a":"\`, strictjson.ErrSyntax},
		{"a backslash before the last quote", `{"a":"\"}`, strictjson.ErrSyntax},
		{"three hexadecimal digits", `{"a":"\u123"}`, strictjson.ErrSyntax},
		{"a letter beyond the hexadecimal digits", `{"a":"\u00AG"}`, strictjson.ErrSyntax},
		{"a small letter beyond the hexadecimal digits", `{"a":"\u00ag"}`, strictjson.ErrSyntax},
		{"a sign among hexadecimal digits", `{"a":"\u+123"}`, strictjson.ErrSyntax},
		{"an escape cut off", `{"a":"\u12`, strictjson.ErrSyntax},

		{"a high surrogate alone", `{"a":"\ud83d"}`, strictjson.ErrUTF8},
		{"a low surrogate alone", `{"a":"\ude00"}`, strictjson.ErrUTF8},
		{"two high surrogates", `{"a":"\ud83d\ud83d"}`, strictjson.ErrUTF8},
		{"two low surrogates", `{"a":"\udc00\ude00"}`, strictjson.ErrUTF8},
		{"two low surrogates in a name", `{"\udc00\ude00":1}`, strictjson.ErrUTF8},
		{"surrogates in the wrong order", `{"a":"\ude00\ud83d"}`, strictjson.ErrUTF8},
		{"a high surrogate before another escape", `{"a":"\ud83d\n"}`, strictjson.ErrUTF8},
		{"a high surrogate before text", `{"a":"\ud83dxude00"}`, strictjson.ErrUTF8},
		{"a high surrogate before half an escape", `{"a":"\ud83d\ude0"}`, strictjson.ErrSyntax},
		{"a high surrogate at the end", `{"a":"\ud83d\`, strictjson.ErrUTF8},
		{"half a pair in a name", `{"\ud83d":1}`, strictjson.ErrUTF8},
		{"invalid UTF-8 in a string", "{\"a\":\"\xff\"}", strictjson.ErrUTF8},
		{"invalid UTF-8 in a name", "{\"\xc3\":1}", strictjson.ErrUTF8},
		{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", strictjson.ErrUTF8},
		{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\xbd\"}", strictjson.ErrUTF8},
		{"invalid UTF-8 after the object", "{}\xff", strictjson.ErrUTF8},

		{"a member twice", `{"exp":1,"exp":9999999999}`, strictjson.ErrDuplicate},
		{"a member twice, one escaped", `{"exp":1,"\u0065xp":9999999999}`, strictjson.ErrDuplicate},
		{"a member twice, both escaped otherwise", `{"\u0065xp":1,"e\u0078p":1}`, strictjson.ErrDuplicate},
		{"a pair and its UTF-8", `{"\ud83d\ude00":1,"😀":1}`, strictjson.ErrDuplicate},
		{"a slash escaped and not", `{"a\/b":1,"a/b":1}`, strictjson.ErrDuplicate},
		{"the empty name twice", `{"":1,"":1}`, strictjson.ErrDuplicate},
		{"a member twice below", `{"a":{"b":1,"b":1}}`, strictjson.ErrDuplicate},
		{"a member twice in an array", `{"a":[{"b":1},{"b":1,"b":1}]}`, strictjson.ErrDuplicate},
		{"a member twice around an object", `{"a":1,"b":{"a":1},"a":1}`, strictjson.ErrDuplicate},
		{"a member twice among a thousand", crowded(1000, 999), strictjson.ErrDuplicate},
		{"the first of a thousand again", crowded(1000, 0), strictjson.ErrDuplicate},
		{"the sixteenth again", crowded(16, 15), strictjson.ErrDuplicate},
		{"the seventeenth again", crowded(17, 16), strictjson.ErrDuplicate},
		{"a member twice in a crowd below", `{"a":` + crowded(40, 3) + `}`, strictjson.ErrDuplicate},

		{"an escaped name twice, other escapes between", `{"\u0061":{"\u0062":"\u0078"},"\u0063":"\u0079","a":1}`, strictjson.ErrDuplicate},
		{"an escaped name twice below", `{"\u0061":{"\u0062":"\u0078","\u0063":{"\u0062":1},"b":1}}`, strictjson.ErrDuplicate},
		{"a member twice, names of a crowd around it", `{"x":` + crowded(30, 30) + `,"y":{"a":1,"b":` + crowded(30, 30) + `,"a":1}}`, strictjson.ErrDuplicate},
		{
			"a member twice in a crowd that follows a crowd of other names",
			`{"x":` + crowded(40, 40) + `,"y":` + strings.ReplaceAll(crowded(40, 35), `"m`, `"n`) + `}`, strictjson.ErrDuplicate,
		},
		{"an escaped name twice in a crowd", strings.ReplaceAll(crowded(40, 25), `"m2`, `"\u006d2`), strictjson.ErrDuplicate},
		{"a name of a crowd again, escaped", `{"a":` + crowded(40, 40)[:len(crowded(40, 40))-1] + `,"\u006d39":1}}`, strictjson.ErrDuplicate},

		{"33 levels", deep(33), strictjson.ErrDepth},
		{"33 levels of objects", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), strictjson.ErrDepth},
		{"a megabyte of brackets", `{"a":` + strings.Repeat("[", 1<<20), strictjson.ErrDepth},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := object(tc.data)
			require.ErrorIs(t, err, tc.want)
			require.Empty(t, got, "a member was handed out before the document was found to be good")
		})
	}
}

// A document cut off anywhere is none, and what lies behind it in memory is not looked at.
func TestNoPrefixOfADocumentIsOne(t *testing.T) {
	data := []byte(`{"a":[true,false,null,-1.5e3,"x\u00e9\ud83d\ude00\n"],"b":{"c":{}}}`)
	_, err := object(string(data))
	require.NoError(t, err)
	for n := range data {
		_, err := object(string(data[:n]))
		require.Error(t, err, "%d bytes", n)
		require.Error(t, strictjson.Object(data[:n:n], func(string, []byte) error { return nil }))
	}
}

// crowded is an object of n members, then one that has the name of the member again.
func crowded(n, again int) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	fmt.Fprintf(&b, `"m%d":0}`, again)
	return b.String()
}

func TestAThousandDifferentMembersAreFine(t *testing.T) {
	got, err := object(crowded(1000, 1000))
	require.NoError(t, err)
	require.Len(t, got, 1001)
	require.Equal(t, "m17=17", got[17])
}

func TestACrowdDoesNotReachBeyondItsObject(t *testing.T) {
	names := crowded(40, 40)
	_, err := object(`{"a":` + names + `,"m1":1,"b":` + names + `,"m2":1}`)
	require.NoError(t, err)
}

func TestAnErrorOfTheCallerEndsTheWalk(t *testing.T) {
	stop := errors.New("stop")
	n := 0
	err := strictjson.Object([]byte(`{"a":1,"b":2}`), func(string, []byte) error { n++; return stop })
	require.Equal(t, stop, err)
	require.Equal(t, 1, n)
	err = strictjson.Array([]byte(`[1,2]`), func([]byte) error { n++; return stop })
	require.Equal(t, stop, err)
	require.Equal(t, 2, n)
}

func TestAValueCannotGrowIntoItsNeighbour(t *testing.T) {
	data := []byte(`{"a":1,"b":2}`)
	require.NoError(t, strictjson.Object(data, func(_ string, value []byte) error {
		_ = append(value, "xxxx"...)
		return nil
	}))
	require.Equal(t, `{"a":1,"b":2}`, string(data))
}

func TestNamesOutliveTheDocument(t *testing.T) {
	data := []byte(`{"abc":1,"d\u0065f":2}`)
	var names []string
	require.NoError(t, strictjson.Object(data, func(name string, _ []byte) error {
		names = append(names, name)
		return nil
	}))
	clear(data)
	require.Equal(t, []string{"abc", "def"}, names)
}

func scan(data string, most int) (members []string, err error) {
	err = strictjson.Scan(data, most, func(name, value string) { members = append(members, name+"="+value) })
	return members, err
}

func TestScan(t *testing.T) {
	got, err := scan(` { "a" : 1 , "\u0062" : [ {"c":"d"} , null ] } `, 5)
	require.NoError(t, err)
	require.Equal(t, []string{"a=1", `b=[ {"c":"d"} , null ]`}, got)

	for _, most := range []string{
		`{"` + strings.Repeat(`\n`, 10) + `":1}`,
		`{"` + strings.Repeat(`\ud83d\ude00`, 10) + `":1}`,
		`{"a":"` + strings.Repeat(`x\n`, 10) + `x"}`,
		`{"a":"` + strings.Repeat(`\n\n\u0061\ud83d\ude00`, 2) + `\u0061\n"}`,
		`{"a":"` + strings.Repeat(`\n`, 10) + `"}`,
		`{"a":"` + strings.Repeat(`\u0061`, 10) + `"}`,
		`{"a":"\n\n","\n\n\n":"\n","\u0062":"\n\ud83d\ude00\ud83d\ude00"}`,
	} {
		_, err := scan(most, 20)
		require.NoError(t, err, most)
	}
	_, err = scan(`{"a":"`+strings.Repeat(`\ud83d\udc00`, 2)+`"}`, 5)
	require.NoError(t, err)
	text, ok := strictjson.String(`"` + strings.Repeat(`x\n`, 100_000) + `"`)
	require.True(t, ok)
	require.Len(t, text, 200_000)
	require.NoError(t, strictjson.Object([]byte(`{"`+strings.Repeat(`x\n`, 2<<20)+`":1}`), func(string, []byte) error { return nil }))

	for _, tc := range []struct {
		name, data string
		want       error
		found      []string
	}{
		{"an array", `[1]`, strictjson.ErrKind, nil},
		{"a member twice", `{"a":1,"b":2,"a":3}`, strictjson.ErrDuplicate, []string{"a=1", "b=2"}},
		{"text after", `{"a":1}x`, strictjson.ErrSyntax, []string{"a=1"}},
		{"cut off in a number, which may go on", `{"a":1,"b":2`, strictjson.ErrSyntax, []string{"a=1"}},
		{"cut off in a string", `{"a":1,"b":"2`, strictjson.ErrSyntax, []string{"a=1"}},
		{"cut off in a name", `{"a":1,"b`, strictjson.ErrSyntax, []string{"a=1"}},
		{"cut off in an object", `{"a":1,"b":{"c":1}`, strictjson.ErrSyntax, []string{"a=1"}},
		{"cut off after a comma", `{"a":1,`, strictjson.ErrSyntax, []string{"a=1"}},
		{"cut off within a letter", "{\"a\":1,\"b\":\"\xc3", strictjson.ErrUTF8, []string{"a=1"}},
		{"one member too many", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}`, strictjson.ErrTooMany, []string{"a=1", "b=2", "c=3", "d=4", "e=5"}},
		{"one member too many below", `{"a":{"b":1,"c":1,"d":1,"e":1,"f":1}}`, strictjson.ErrTooMany, nil},
		{"one member too many, and invalid text", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":"` + "\xff\"}", strictjson.ErrTooMany, []string{"a=1", "b=2", "c=3", "d=4", "e=5"}},
		{"a pair of surrogates whose second is none", `{"a":1,"b":"\ud83d\udb00"}`, strictjson.ErrUTF8, []string{"a=1"}},
		{"a pair of surrogates whose last digit is none", `{"a":1,"b":"\ud83d\ude0g"}`, strictjson.ErrSyntax, []string{"a=1"}},
		{"a pair of surrogates whose last digit but one is none", `{"a":1,"b":"\ud83d\udeg0"}`, strictjson.ErrSyntax, []string{"a=1"}},
		{"one element too many", `{"a":1,"b":[1,2,3,4]}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one escape too many in a name", `{"a":1,"` + strings.Repeat(`\n`, 3) + `":1}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one pair of surrogates too many in a name", `{"a":1,"` + strings.Repeat(`\ud83d\ude00`, 3) + `":1}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one escape too many between letters", `{"a":1,"b":"` + strings.Repeat(`x\n`, 3) + `"}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one escape too many of those in a row", `{"a":1,"b":"` + strings.Repeat(`\n`, 3) + `"}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one too many of those in digits in a row", `{"a":1,"b":"` + strings.Repeat(`\u0061`, 3) + `"}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one pair of surrogates too many", `{"a":1,"b":"` + strings.Repeat(`\ud83d\ude00`, 3) + `"}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one escape too many of several kinds", `{"a":1,"b":"` + `\n\u0061\ud83d\ude00"}`, strictjson.ErrTooMany, []string{"a=1"}},
		{"one escape too many in several texts", `{"a":["\n",{"b":"\u0061"},"x\n"]}`, strictjson.ErrTooMany, nil},
		{"too many escapes, and invalid text", `{"a":1,"b":"` + strings.Repeat(`x\n`, 3) + "\xff\"}", strictjson.ErrTooMany, []string{"a=1"}},
		{"a wrong escape after as many as there may be", `{"a":1,"b":"` + `x\n\x"}`, strictjson.ErrSyntax, []string{"a=1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := scan(tc.data, 5)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, tc.found, got)
		})
	}
}

func TestFind(t *testing.T) {
	const document = ` { "a" : [ "x]" , {"iss":"no"} ] , "\\":"\"," , "\u0069ss" : "yes" , "n":-1.5 }`
	for name, want := range map[string]string{"a": `[ "x]" , {"iss":"no"} ]`, `\`: `"\","`, "iss": `"yes"`, "n": "-1.5", "no": ""} {
		value, err := strictjson.Find(document, name, 100)
		require.NoError(t, err, name)
		require.Equal(t, want, value)
	}
	for _, document := range []string{
		``, `[]`, `{`, `{"iss"`, `{"iss" "x"}`, `{"a":"iss"`, `["iss"]`, `{"a":"`, `{"a":"\`, `{"iss":"x"`, `{"iss":"x" `, `{"iss":1`, `{"iss":}`,
		`{"a":"""""","iss":"x"}`, `{"a":"":"":"","iss":"x"}`, `{"a":["""" "],"iss":"x"}`, `{"a":{"b":"c" "d"},"iss":"x"}`,
		`{"iss"}`, `{"a":1,}`, `{"a":1,,"iss":"x"}`, "{\"a\":1\x02,\"iss\":\"x\"}", "{\"a\":1\x0c\"iss\":\"x\"}",
	} {
		value, err := strictjson.Find(document, "iss", 100)
		require.ErrorIs(t, err, strictjson.ErrSyntax, document)
		require.Empty(t, value)
	}
	for _, document := range []string{`{}`, ` { } `, `{iss:"x"}`, `{"a":"iss"}`, `{"a":{"iss":1}}`, `{"a":[{"iss":1},"iss"]}`, `{"a":"\",\"iss\":1"}`, `{"is\u0074":1,"\niss":2,"iss\u0000":3}`} {
		value, err := strictjson.Find(document, "iss", 100)
		require.NoError(t, err, document)
		require.Empty(t, value, document)
	}
}

func TestFindGoesPastSoManyMembersAndElements(t *testing.T) {
	for before, begun := range map[string]int{
		``: 0, `"a":1,`: 4, `"a":1,"b":2,`: 8, `"a":[],"b":{ },`: 10, `"a":[1],`: 5, `"a":[1,2],`: 6, `"a":{"iss":1,"b":{"c":[]}},`: 8, `"a":[[[]]],`: 7,
		`"a":",,[[",`: 4, `"\u0061":"\u0061",`: 4, `"a":"\\",`: 4, `"":"\"",`: 4, `"1":"\"",`: 4, `"1234":"\"",`: 4,
	} {
		document := "{" + before + `"iss":"x","a":[1,2,3]}`
		for most := range begun {
			_, err := strictjson.Find(document, "iss", most)
			require.ErrorIs(t, err, strictjson.ErrTooMany, document)
		}
		value, err := strictjson.Find(document, "iss", begun)
		require.NoError(t, err, document)
		require.Equal(t, `"x"`, value)
	}
}

// Eight bytes are read at once, so each of them is the first, and each string ends at each of them.
func TestFindPastStringsOfAnyLength(t *testing.T) {
	for _, part := range []string{`x`, `\\`, `\"`, `\n`, `\u005c`, `\\\"`, `x\"`, `,`, `[`, `é`, "\x7f"} {
		for blanks := range 9 {
			for n := range 30 {
				text := strings.Repeat(part, n)
				document := `{"` + text + `a":` + strings.Repeat(" ", blanks) + `["` + text + `",` + `"` + text + `\\"],"iss":"` + text + `"}`
				value, err := strictjson.Find(document, "iss", 100)
				require.NoError(t, err)
				require.Equal(t, `"`+text+`"`, value)
			}
		}
	}
}

// What was cut off within a value, or right after it, is not found: there may be more of it.
func TestFindInWhatIsCutOffAnywhere(t *testing.T) {
	const document = `{"a":["x]",{"b":"\\"}],"iss":"a\"b","\u0069ss":"\u0061","n":-1.5}`
	for cut := range len(document) {
		for _, name := range []string{"a", "iss", "n", ""} {
			whole, err := strictjson.Find(document, name, 100)
			require.NoError(t, err)
			value, err := strictjson.Find(document[:cut], name, 100)
			require.Equal(t, err == nil, value != "")
			require.True(t, value == "" || value == whole, value)
			for _, end := range []string{`"`, `\`, `{"iss":"`, `"iss":"`, `"iss":"x\`} {
				value, _ := strictjson.Find(document[:cut]+end, name, 100)
				require.Contains(t, document[:cut]+end, value, "nothing but what is there")
			}
		}
	}
}

func TestScanCostsNoAllocation(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = strictjson.Scan(benchmarkDocuments[0].data, 100, func(string, string) {})
	}))
}

// Names of the same length, begin, middle and end are told apart as well as any.
func TestNamesThatLookAlike(t *testing.T) {
	alike := func(n int, more string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			fmt.Fprintf(&b, `"a%02xa%02xa":1,`, i, i)
		}
		return b.String() + more + "}"
	}
	for _, n := range []int{1, 23, 24, 25, 26, 200} {
		_, err := scan(alike(n, `"aXa":1`), 1000)
		require.NoError(t, err)
		_, err = scan(alike(n, fmt.Sprintf(`"a%02xa%02xa":1`, n-1, n-1)), 1000)
		require.ErrorIs(t, err, strictjson.ErrDuplicate)
		_, err = scan(alike(n, `"a00a00a":1`), 1000)
		require.ErrorIs(t, err, strictjson.ErrDuplicate)
	}
}

func TestArray(t *testing.T) {
	var got []string
	require.NoError(t, strictjson.Array([]byte(` [ 1 , "a" , [ ] , {"b":null} ] `), func(value []byte) error {
		got = append(got, string(value))
		return nil
	}))
	require.Equal(t, []string{`1`, `"a"`, `[ ]`, `{"b":null}`}, got)

	for _, tc := range []struct {
		name, data string
		want       error
	}{
		{"an object", `{}`, strictjson.ErrKind},
		{"null", `null`, strictjson.ErrKind},
		{"a comma at the end", `[1,]`, strictjson.ErrSyntax},
		{"text after", `[1]1`, strictjson.ErrSyntax},
		{"a member twice in an element", `[1,{"a":1,"a":1}]`, strictjson.ErrDuplicate},
		{"33 levels", strings.Repeat("[", 33) + strings.Repeat("]", 33), strictjson.ErrDepth},
		{"invalid UTF-8", "[\"\xff\"]", strictjson.ErrUTF8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := strictjson.Array([]byte(tc.data), func([]byte) error { t.Error("an element was handed out"); return nil })
			require.ErrorIs(t, err, tc.want)
		})
	}
	require.NoError(t, strictjson.Array([]byte(strings.Repeat("[", 32)+strings.Repeat("]", 32)), func([]byte) error { return nil }))
}

func TestString(t *testing.T) {
	for value, want := range map[string]string{
		`""`: "", `"a"`: "a", `"\u00e9\n"`: "é\n", `"😀"`: "😀", `"\uD83D\uDE00"`: "😀", `"\u0000"`: "\x00",
	} {
		got, ok := strictjson.String([]byte(value))
		require.True(t, ok, value)
		require.Equal(t, want, got)
	}
	for _, value := range []string{``, `"`, `a`, `"a`, `"a"b`, `"a""`, ` "a"`, `"a" `, `null`, `1`, `["a"]`, `"\ud83d"`, "\"\xff\"", "\"\n\"", `"\`} {
		got, ok := strictjson.String([]byte(value))
		require.False(t, ok, value)
		require.Empty(t, got)
	}
}

func TestStrings(t *testing.T) {
	for value, want := range map[string][]string{`[]`: nil, `["a"]`: {"a"}, `[ "a" , "b\n" ]`: {"a", "b\n"}, `["a","a"]`: {"a", "a"}} {
		got, ok := strictjson.Strings([]byte(value))
		require.True(t, ok, value)
		require.Equal(t, want, got)
	}
	for _, value := range []string{``, `"a"`, `null`, `{}`, `["a",1]`, `[null]`, `["a",["b"]]`, `["a",]`, `["a"]]`, "[\"\xff\"]"} {
		got, ok := strictjson.Strings([]byte(value))
		require.False(t, ok, value)
		require.Nil(t, got)
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "1": 1, "-1.5": -1.5, "1e3": 1000, "1E-2": 0.01, "1e+2": 100, "9999999999": 9999999999, "1e19": 1e19,
		"253402300799.999": 253402300799.999, "1e-400": 0, "0e999": 0,
	} {
		got, ok := strictjson.Number([]byte(value))
		require.True(t, ok, value)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), value)
	}
	for _, value := range []string{
		``, `1e400`, `-1e400`, `NaN`, `Inf`, `inf`, `+1`, `01`, `1.`, `.1`, `1e`, ` 1`, `1 `, `0x1`, `0x1p4`, `1_0`, `"1"`, `null`, `true`, `[1]`, `１`,
	} {
		_, ok := strictjson.Number([]byte(value))
		require.False(t, ok, value)
	}
}

func TestBool(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "false": false} {
		got, ok := strictjson.Bool([]byte(value))
		require.True(t, ok, value)
		require.Equal(t, want, got)
	}
	for _, value := range []string{``, `True`, `TRUE`, `"true"`, `1`, `0`, `null`, ` true`, `truetrue`} {
		got, ok := strictjson.Bool([]byte(value))
		require.False(t, ok, value)
		require.False(t, got)
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	for _, data := range []string{`{"secret":secret}`, `{"secret":1,"secret":2}`, "{\"secret\":\"\xff\"}", `"secret"`} {
		_, err := object(data)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
}
