//go:build unix

package jwks

import (
	"io/fs"
	"os"
	"syscall"
)

// modesMeanAccess says whether a file's mode bits tell who may write to it.
const modesMeanAccess = true

// ours reports whether the file belongs to this process's user or to root. In a directory that others can write to, a file of
// theirs could stand in for ours.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}
