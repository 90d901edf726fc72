package files

import (
	"fmt"
	"os"
	"syscall"
)

// Identity tells a file that is replaced whole from the one before it: that has another
// inode, and its time of change is set by the kernel alone. Where the system has no inodes,
// path, size and time of modification tell.
func Identity(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	is := fmt.Sprint(path, " ", info.Size(), " ", info.ModTime().UnixNano())
	if i, ok := info.Sys().(*syscall.Stat_t); ok {
		is += fmt.Sprint(" ", i.Dev, " ", i.Ino, " ", i.Ctim.Nano())
	}
	return is, nil
}
