package mtls

import (
	"net/url"
	"strings"
)

// blanks are what stands for the line breaks of PEM after it has been a header's value.
const blanks = " \t\r\n"

// readPEM reads FormatPEM in either of its two spellings. The percent sign decides which: PEM itself has none, and
// percent-encoded PEM, whose blanks are encoded, always has.
func readPEM(value, _ string, _ int) ([][]byte, error) {
	if strings.Contains(value, "%") {
		return escapedPEM(value)
	}
	return pemBlocks(value)
}

// escapedPEM decodes percent-encoded PEM. A plus is one: base64 has it, and nobody writes a blank so.
func escapedPEM(value string) ([][]byte, error) {
	text, err := url.PathUnescape(value)
	if err != nil || strings.ContainsAny(value, blanks) {
		return nil, errMalformed
	}
	return pemBlocks(text)
}

// pemBlocks decodes certificates in PEM (RFC 7468 section 5), at least one, with any blanks for line breaks and nothing but blanks
// around them.
func pemBlocks(text string) ([][]byte, error) {
	var ders [][]byte
	for rest := strings.Trim(text, blanks); rest != "" || ders == nil; rest = strings.TrimLeft(rest, blanks) {
		body, after, ok := cutPEM(rest)
		if !ok {
			return nil, errMalformed
		}
		der, err := decodeBase64(withoutBlanks.Replace(body))
		if err != nil {
			return nil, err
		}
		if ders, rest = append(ders, der), after; isTooMany(ders) {
			return nil, errMalformed
		}
	}
	return ders, nil
}

// cutPEM returns the text between the two lines that text begins with, and what follows them. Both are lines: there is a
// blank on the inner side, and a blank or the end on the outer.
func cutPEM(text string) (body, after string, ok bool) {
	body, begun := strings.CutPrefix(text, "-----BEGIN CERTIFICATE-----")
	body, after, ended := strings.Cut(body, "-----END CERTIFICATE-----")
	return body, after, begun && ended &&
		strings.IndexAny(body, blanks) == 0 && strings.LastIndexAny(body, blanks) == len(body)-1 &&
		(after == "" || strings.IndexAny(after, blanks) == 0)
}

var withoutBlanks = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")
