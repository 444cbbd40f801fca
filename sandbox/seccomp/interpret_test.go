package seccomp

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// call is struct seccomp_data: what the kernel shows to a filter.
type call struct {
	number, arch uint32
	args         [6]uint64
}

// bytes lays the call out as the kernel does.
func (c call) bytes() []byte {
	b := binary.NativeEndian.AppendUint32(nil, c.number)
	b = binary.NativeEndian.AppendUint32(b, c.arch)
	b = binary.NativeEndian.AppendUint64(b, 0) // instruction pointer
	for _, a := range c.args {
		b = binary.NativeEndian.AppendUint64(b, a)
	}
	return b
}

// interpret runs a filter as the kernel would. Beside the answer it counts the instructions
// and tells whether any argument was looked at.
func interpret(filter []unix.SockFilter, c call) (action uint32, steps int, usedArgs bool, err error) {
	data := c.bytes()
	var a uint32
	for pc := 0; pc < len(filter); pc++ {
		i := filter[pc]
		steps++
		holds := false
		switch i.Code {
		case opLoad:
			if i.K%4 != 0 || int(i.K)+4 > len(data) {
				return 0, 0, false, fmt.Errorf("instruction %d loads from %d", pc, i.K)
			}
			usedArgs = usedArgs || i.K >= offsetArgs
			a = binary.NativeEndian.Uint32(data[i.K:])
			continue
		case opAnd:
			a &= i.K
			continue
		case opSkip:
			pc += int(i.K)
			continue
		case opReturn:
			return i.K, steps, usedArgs, nil
		case opEqual:
			holds = a == i.K
		case opGreater:
			holds = a > i.K
		case opGreaterEqual:
			holds = a >= i.K
		default:
			return 0, 0, false, fmt.Errorf("instruction %d has unknown code %#x", pc, i.Code)
		}
		if holds {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
	return 0, 0, false, fmt.Errorf("ran over the end")
}

// answer interprets and fails the test if the filter is broken.
func answer(t testing.TB, filter []unix.SockFilter, c call) uint32 {
	t.Helper()
	action, _, _, err := interpret(filter, c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return action
}
