package strictjson

// few is a list that needs no memory of its own while it is short.
type few[T any] struct {
	near [24]T
	far  []T // what comes after near
	n    int
}

func (f *few[T]) add(v T) {
	if f.n < len(f.near) {
		f.near[f.n] = v
	} else {
		f.far = append(f.far[:f.n-len(f.near)], v)
	}
	f.n++
}

func (f *few[T]) at(i int) T {
	if i < len(f.near) {
		return f.near[i]
	}
	return f.far[i-len(f.near)]
}

// cut drops all but the first n.
func (f *few[T]) cut(n int) { f.n = n }
