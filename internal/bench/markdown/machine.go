package markdown

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Machine is a line on what the numbers depend on.
func Machine() string {
	return fmt.Sprintf("%s, %s, %s/%s, %s, %d cores.\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		processor(), runtime.NumCPU())
}

// processor is the name by which Linux calls it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
