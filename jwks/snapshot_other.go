//go:build !unix

package jwks

import "io/fs"

// modesMeanAccess says whether a file's mode bits tell who may write to it.
const modesMeanAccess = false

// ours cannot be told here: the directory's access control decides.
func ours(fs.FileInfo) bool { return true }
