package token

import "github.com/perimeter-go/perimeter/internal/strictjson"

// member is one claim, its value still as JSON.
type member struct {
	name  string
	value []byte
}

// members are the claims of a payload that the rules read. However many others there are, they take no memory.
type members []member

// scan checks all of the payload and keeps the members that are read.
func scan(payload []byte, reads map[string]bool) (members, error) {
	m := make(members, 0, 16) // as many as tokens commonly have
	err := strictjson.Object(payload, func(name string, value []byte) error {
		if reads[name] {
			m = append(m, member{name, value})
		}
		return nil
	})
	if err != nil {
		return nil, refuse(ReasonMalformed, "payload")
	}
	return m, nil
}

func (m members) get(name string) (value []byte, present bool) {
	for _, c := range m {
		if c.name == name {
			return c.value, true
		}
	}
	return nil, false
}
