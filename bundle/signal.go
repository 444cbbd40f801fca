package bundle

import (
	"strconv"
	"strings"
	"syscall"
)

// The real-time signals that the C library leaves to programs; see signal(7).
const (
	rtMin = 34
	rtMax = 64
)

// ParseSignal reads a signal by number or by name: "15", "TERM", "SIGTERM", "rtmin+3".
func ParseSignal(text string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > rtMax {
			return 0, refuse("signal", text, "signals are 1 to 64", "no such number")
		}
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if s := signalNamed(name); s != 0 {
		return s, nil
	}
	return 0, refuse("signal", text, "name one as in signal(7): TERM, SIGINT, RTMIN+3, or a number from 1 to 64", "unknown")
}

func signalNamed(name string) syscall.Signal {
	if offset, ok := strings.CutPrefix(name, "RTMIN"); ok {
		return realTime(rtMin, offset, "+")
	}
	if offset, ok := strings.CutPrefix(name, "RTMAX"); ok {
		return realTime(rtMax, offset, "-")
	}
	return standardSignal(name)
}

func realTime(base int, offset, sign string) syscall.Signal {
	if offset == "" {
		return syscall.Signal(base)
	}
	digits, ok := strings.CutPrefix(offset, sign)
	n, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil || n > rtMax-rtMin {
		return 0
	}
	if sign == "-" {
		return syscall.Signal(base - int(n))
	}
	return syscall.Signal(base + int(n))
}

func standardSignal(name string) syscall.Signal {
	switch name {
	case "HUP":
		return syscall.SIGHUP
	case "INT":
		return syscall.SIGINT
	case "QUIT":
		return syscall.SIGQUIT
	case "ILL":
		return syscall.SIGILL
	case "TRAP":
		return syscall.SIGTRAP
	case "ABRT", "IOT":
		return syscall.SIGABRT
	case "BUS":
		return syscall.SIGBUS
	case "FPE":
		return syscall.SIGFPE
	case "KILL":
		return syscall.SIGKILL
	case "USR1":
		return syscall.SIGUSR1
	case "SEGV":
		return syscall.SIGSEGV
	case "USR2":
		return syscall.SIGUSR2
	case "PIPE":
		return syscall.SIGPIPE
	case "ALRM":
		return syscall.SIGALRM
	case "TERM":
		return syscall.SIGTERM
	case "STKFLT":
		return syscall.SIGSTKFLT
	case "CHLD", "CLD":
		return syscall.SIGCHLD
	case "CONT":
		return syscall.SIGCONT
	case "STOP":
		return syscall.SIGSTOP
	case "TSTP":
		return syscall.SIGTSTP
	case "TTIN":
		return syscall.SIGTTIN
	case "TTOU":
		return syscall.SIGTTOU
	case "URG":
		return syscall.SIGURG
	case "XCPU":
		return syscall.SIGXCPU
	case "XFSZ":
		return syscall.SIGXFSZ
	case "VTALRM":
		return syscall.SIGVTALRM
	case "PROF":
		return syscall.SIGPROF
	case "WINCH":
		return syscall.SIGWINCH
	case "IO", "POLL":
		return syscall.SIGIO
	case "PWR":
		return syscall.SIGPWR
	case "SYS":
		return syscall.SIGSYS
	}
	return 0
}
