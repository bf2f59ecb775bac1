package middleware

import (
	"errors"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// parseRouterPattern reads a pattern of net/http, chi or gorilla/mux. What it returns covers every canonical path that the
// pattern matches in the router whose syntax it is, and may cover more where the syntaxes differ or a segment is only partly
// variable. Usually it is one shape.
func parseRouterPattern(s string) (method string, shapes []shape, err error) {
	path := s
	if i := strings.IndexAny(s, " \t"); i >= 0 && !strings.ContainsAny(s[:i], "/{") {
		method, path = s[:i], strings.TrimLeft(s[i+1:], " \t")
		if !isToken(method) {
			return "", nil, errors.New("malformed method")
		}
	}
	host, _, ok := strings.Cut(path, "/")
	if !ok || strings.ContainsAny(host, "{}* \t") {
		return "", nil, errors.New("no path")
	}
	shapes, err = routerShapes(path[len(host)+1:])
	return method, shapes, err
}

// routerShapes reads a path without its first slash.
func routerShapes(path string) ([]shape, error) {
	segments, err := splitOutsideBraces(path)
	if err != nil {
		return nil, err
	}
	var before shape
	for i, segment := range segments {
		last := i == len(segments)-1
		e, mayBeEmpty, err := routerElement(segment, last)
		if err != nil {
			return nil, err
		}
		s := append(slices.Clip(before), e)
		if e.kind == multi {
			return []shape{s}, nil // whatever follows is within it
		}
		if last && mayBeEmpty {
			return []shape{s, append(slices.Clip(before), element{kind: slash})}, nil
		}
		before = s
	}
	return []shape{before}, nil
}

// splitOutsideBraces splits at slashes that are not part of a variable's regular expression.
func splitOutsideBraces(path string) ([]string, error) {
	var segments []string
	depth, start := 0, 0
	for i := range len(path) {
		switch path[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '/':
			if depth == 0 {
				segments = append(segments, path[start:i])
				start = i + 1
			}
		}
		if depth < 0 {
			return nil, errors.New("unbalanced braces")
		}
	}
	if depth != 0 {
		return nil, errors.New("unbalanced braces")
	}
	return append(segments, path[start:]), nil
}

// routerElement reads a segment. mayBeEmpty says that a variable in it matches nothing at all, so that the path may end in a
// slash there.
func routerElement(segment string, last bool) (e element, mayBeEmpty bool, err error) {
	switch {
	case segment == "" && last:
		return element{kind: multi}, false, nil
	case segment == "{$}" && last:
		return element{kind: slash}, false, nil
	case strings.Contains(segment, "{"):
		return variableElement(segment, last)
	case strings.HasSuffix(segment, "*"): // chi; "/f*" matches /f, /fo and /f/o
		return element{kind: multi}, false, nil
	}
	decoded, err := url.PathUnescape(segment)
	if err != nil || !isCanonicalSegment(decoded) || !isCanonicalPath("/"+decoded) || strings.Contains(decoded, "/") {
		return element{}, false, errors.New("no canonical segment")
	}
	return element{kind: literal, literal: decoded}, false, nil
}

// variableElement reads a segment with variables: {id}, {rest...}, {id:[0-9]+}, or parts such as v{n}.json.
func variableElement(segment string, last bool) (e element, mayBeEmpty bool, err error) {
	mayBeEmpty = true
	for rest := segment; rest != ""; {
		before, variable, after := cutVariable(rest)
		rest = after
		mayBeEmpty = mayBeEmpty && before == ""
		if strings.HasSuffix(before, "*") && rest == "" && variable == "" {
			return element{kind: multi}, false, nil
		}
		if variable == "" {
			continue
		}
		spans, empty, err := readVariable(variable[1 : len(variable)-1])
		if err != nil {
			return element{}, false, err
		}
		if spans {
			return element{kind: multi}, false, nil
		}
		mayBeEmpty = mayBeEmpty && empty
	}
	if mayBeEmpty && !last {
		return element{kind: single}, false, nil // an empty segment in the middle is no canonical path
	}
	return element{kind: single}, mayBeEmpty, nil
}

// cutVariable finds the first variable, braces included, in a segment whose braces are balanced.
func cutVariable(s string) (before, variable, after string) {
	start := strings.IndexByte(s, '{')
	if start < 0 {
		return s, "", ""
	}
	depth := 0
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			return s[:start], s[start : i+1], s[i+1:]
		}
	}
	return s, "", ""
}

// readVariable says whether a variable can match a slash, and whether it can match nothing.
func readVariable(inner string) (spans, empty bool, err error) {
	name, expression, constrained := strings.Cut(inner, ":")
	if name == "" || name == "..." || name == "$" || strings.ContainsAny(name, "{}/") {
		return false, false, errors.New("malformed variable")
	}
	if !constrained {
		return strings.HasSuffix(name, "..."), false, nil
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return false, false, errors.New("malformed expression")
	}
	whole, err := regexp.Compile("^(?:" + expression + ")$")
	if err != nil {
		return false, false, errors.New("malformed expression")
	}
	return mayMatchSlash(parsed), whole.MatchString(""), nil
}

// mayMatchSlash errs on the side of yes.
func mayMatchSlash(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		return slices.Contains(re.Rune, '/')
	case syntax.OpCharClass:
		return inClass(re.Rune, '/')
	default:
		return slices.ContainsFunc(re.Sub, mayMatchSlash)
	}
}

// inClass says whether a character is in a class, which is a list of ranges.
func inClass(ranges []rune, c rune) bool {
	for bounds := range slices.Chunk(ranges, 2) {
		if bounds[0] <= c && c <= bounds[1] {
			return true
		}
	}
	return false
}
