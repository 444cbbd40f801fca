package seccomp

//go:generate go run ./internal/gentable

// none stands in the table where an entry point does not have a call.
const none = -1

// row has the numbers of one call at the entry points of this machine.
type row [columns]int32

// numbered is one line of the table: a call and its numbers.
type numbered struct {
	name    string
	numbers row
}

// lookup finds the numbers of a call; those of an unknown one are all none.
func lookup(name string) row {
	from, to := 0, len(table)
	for from < to {
		if middle := (from + to) / 2; table[middle].name < name {
			from = middle + 1
		} else {
			to = middle
		}
	}
	if from < len(table) && table[from].name == name {
		return table[from].numbers
	}
	var unknown row
	for i := range unknown {
		unknown[i] = none
	}
	return unknown
}

// multiplexed gives the arguments by which ipc(2) and socketcall(2), where they exist, do the
// work of a call; 0 is none. See <linux/net.h> and <linux/ipc.h>.
func multiplexed(name string) (socketcall, ipc uint64) {
	switch name {
	case "socket":
		return 1, 0
	case "bind":
		return 2, 0
	case "connect":
		return 3, 0
	case "listen":
		return 4, 0
	case "accept":
		return 5, 0
	case "getsockname":
		return 6, 0
	case "getpeername":
		return 7, 0
	case "socketpair":
		return 8, 0
	case "send":
		return 9, 0
	case "recv":
		return 10, 0
	case "sendto":
		return 11, 0
	case "recvfrom":
		return 12, 0
	case "shutdown":
		return 13, 0
	case "setsockopt":
		return 14, 0
	case "getsockopt":
		return 15, 0
	case "sendmsg":
		return 16, 0
	case "recvmsg":
		return 17, 0
	case "accept4":
		return 18, 0
	case "recvmmsg":
		return 19, 0
	case "sendmmsg":
		return 20, 0
	case "semop":
		return 0, 1
	case "semget":
		return 0, 2
	case "semctl":
		return 0, 3
	case "semtimedop":
		return 0, 4
	case "msgsnd":
		return 0, 11
	case "msgrcv":
		return 0, 12
	case "msgget":
		return 0, 13
	case "msgctl":
		return 0, 14
	case "shmat":
		return 0, 21
	case "shmdt":
		return 0, 22
	case "shmget":
		return 0, 23
	case "shmctl":
		return 0, 24
	}
	return 0, 0
}
