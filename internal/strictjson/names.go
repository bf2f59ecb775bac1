package strictjson

import "hash/maphash"

// object is what is known of the names of an open object.
type object struct {
	own  int    // where in the scanner's names its own begin
	seen uint64 // a bit for each of them, by its look
	met  hashes // of a crowd
}

// crowd is how many names are compared with each other. Of those that come after them, an object keeps the hashes.
const crowd = 24

// remember notes a member name, and is false if the object has it already.
func (s *scanner) remember(name string, o *object) bool {
	if s.names.n-o.own == crowd {
		return s.meet(name, o)
	}
	bit := uint64(1) << look(name)
	if o.seen&bit != 0 && s.stands(name, o.own) {
		return false
	}
	o.seen |= bit
	s.names.add(name)
	return true
}

// meet is remember for a crowd. Two names with the same hash are taken for one: of all good documents of 100,000 names, it refuses one in a
// billion.
func (s *scanner) meet(name string, o *object) bool {
	if o.met.n == 0 {
		for i := range crowd {
			o.met.add(s.names.at(o.own + i))
		}
	}
	return o.met.add(name)
}

// look is a number from 0 to 63 that tells most names of one object from each other.
func look(name string) uint8 {
	if name == "" {
		return 0
	}
	return (uint8(len(name)) + 7*name[0] + 13*name[len(name)/2] + 29*name[len(name)-1]) & 63 //nolint:gosec // any eight bits of the length do
}

func (s *scanner) stands(name string, own int) bool {
	for i := own; i < s.names.n; i++ {
		if s.names.at(i) == name {
			return true
		}
	}
	return false
}

// seed is unknown outside of the process, so that nobody can choose names whose hashes meet.
var seed = maphash.MakeSeed()

// hashes is a set of hashes of names. Each stands in the first free place from the one that it names, and 0 is a free place.
type hashes struct {
	places []uint64 // a power of two, at most three quarters of it taken
	n      int
}

// add is false if the hash of name was there already.
func (h *hashes) add(name string) bool {
	if 4*h.n >= 3*len(h.places) {
		old := h.places
		h.places = make([]uint64, max(128, 4*len(old)))
		for _, hash := range old {
			if hash != 0 {
				h.put(hash)
			}
		}
	}
	h.n++
	return h.put(maphash.String(seed, name) | 1)
}

func (h *hashes) put(hash uint64) bool {
	last := uint64(len(h.places)) - 1
	for i := hash >> 1; ; i++ {
		switch place := &h.places[i&last]; *place {
		case hash:
			return false
		case 0:
			*place = hash
			return true
		}
	}
}
