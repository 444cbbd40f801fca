package sandbox

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	somePasswd = "root:x:0:0:root:/root:/bin/sh\n# comment:x:1:1\nbroken\nhuge:x:99999999999:1::/h:\n\nana:x:1000:1000::/home/ana:/bin/sh\n1001:x:7:7::/seven:\nnologin:x:8:8\r\n"
	someGroup  = "root:x:0:\nwheel:x:10:ana,root\nwheel2:x:10:ana\nusers:x:100:bob,ana\nempty:x:11\n1001:x:12:\nbad:x:x:ana\n"
)

func TestResolveUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wish string
		want user
		err  string
	}{
		{"", user{home: "/root", groups: []uint32{10}}, ""},
		{"root", user{home: "/root", groups: []uint32{10}}, ""},
		{"ana", user{uid: 1000, gid: 1000, groups: []uint32{10, 100}, home: "/home/ana"}, ""},
		{"1000", user{uid: 1000, gid: 1000, groups: []uint32{10, 100}, home: "/home/ana"}, ""},
		{"ana:users", user{uid: 1000, gid: 100, home: "/home/ana"}, ""},
		{"ana:", user{uid: 1000, gid: 1000, groups: []uint32{10, 100}, home: "/home/ana"}, ""},
		{"1001", user{uid: 7, gid: 7, home: "/seven"}, ""}, // a name of digits
		{"0:1001", user{gid: 12, home: "/root"}, ""},
		{"55:66", user{uid: 55, gid: 66, home: "/"}, ""},
		{"nologin", user{uid: 8, gid: 8, home: "/"}, ""},
		{"bob", user{}, `no user "bob" in the container's /etc/passwd`},
		{"ana:bad", user{}, `no group "bad" in the container's /etc/group`},
		{"-1", user{}, `no user "-1" in the container's /etc/passwd`},
		{"4294967295", user{}, "user id 4294967295: larger than 4294967294"},
		{"0:4294967296", user{}, "group id 4294967296: larger than 4294967294"},
	} {
		t.Run(c.wish, func(t *testing.T) {
			t.Parallel()
			got, err := resolveUser(c.wish, somePasswd, someGroup)
			if fmt.Sprint(err) != c.err && (err != nil || c.err != "") {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	if got, err := resolveUser("root:root", "", ""); err != nil || !reflect.DeepEqual(got, user{home: "/"}) {
		t.Errorf("root of an empty image: %+v, %v", got, err)
	}
}

func FuzzResolveUser(f *testing.F) {
	f.Add("ana:users", somePasswd, someGroup)
	f.Add("0", ":::::", "x:y:z:")
	f.Fuzz(func(t *testing.T, wish, passwd, groups string) {
		u, err := resolveUser(wish, passwd, groups)
		if err != nil {
			return
		}
		if u.uid > maxID || u.gid > maxID || u.home == "" {
			t.Errorf("%+v", u)
		}
		seen := map[uint32]bool{u.gid: true}
		for _, gid := range u.groups {
			if gid > maxID || seen[gid] {
				t.Errorf("group %d is twice, or too large: %+v", gid, u)
			}
			seen[gid] = true
		}
	})
}

func TestParseProgram(t *testing.T) {
	t.Parallel()
	elf := make([]byte, 200)
	copy(elf, "\x7fELF\x02\x01")
	binary.LittleEndian.PutUint16(elf[18:], 183)
	binary.LittleEndian.PutUint64(elf[32:], 64)
	binary.LittleEndian.PutUint16(elf[54:], 56)
	binary.LittleEndian.PutUint16(elf[56:], 1)
	binary.LittleEndian.PutUint32(elf[64:], 3)
	binary.LittleEndian.PutUint64(elf[64+8:], 120)
	binary.LittleEndian.PutUint64(elf[64+32:], 10)
	copy(elf[120:], "/lib/ld.so\x00")
	for _, c := range []struct {
		name string
		head string
		want program
	}{
		{"empty", "", program{empty: true}},
		{"text", "hello", program{}},
		{"script", "#!/bin/sh\n", program{script: true, interpreter: "/bin/sh"}},
		{"script with argument", "#! \t/usr/bin/env -S python3\n", program{script: true, interpreter: "/usr/bin/env"}},
		{"script with tab", "#!/bin/sh\t-e\n", program{script: true, interpreter: "/bin/sh"}},
		{"script of one line", "#!/x", program{script: true, interpreter: "/x"}},
		{"nothing after the mark", "#!", program{script: true}},
		{"short ELF", "\x7fELF", program{}},
		{"ELF", string(elf), program{elf: true, machine: 183, interpreter: "/lib/ld.so"}},
		{"ELF of other byte order", "\x7fELF\x02\x02" + strings.Repeat("\x00", 12) + "\x00\x16" + strings.Repeat("\x00", 60), program{elf: true, machine: 22}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parseProgram([]byte(c.head)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	for machine, want := range map[uint16]string{62: "amd64", 183: "arm64", 8: "mips", 9: "another machine (ELF number 9)"} {
		if got := machineName(machine); got != want {
			t.Errorf("machine %d is %q, want %q", machine, got, want)
		}
	}
}

func FuzzParseProgram(f *testing.F) {
	f.Add([]byte("#!/bin/sh\n"))
	f.Add(append([]byte("\x7fELF\x02\x01"), make([]byte, 120)...))
	f.Fuzz(func(t *testing.T, head []byte) {
		if p := parseProgram(head); len(p.interpreter) > len(head) || p.script && p.elf {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzParseOptions(f *testing.F) {
	f.Add("ro,rshared,size=1,x-copyup,x-subpath=a")
	f.Fuzz(func(t *testing.T, words string) {
		o, err := parseOptions(strings.Split(words, ","))
		if err == nil && o.set&o.clear&^unix.MOUNT_ATTR__ATIME != 0 {
			t.Errorf("sets and clears the same: %+v", o)
		}
	})
}

func TestSysctlNamespace(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":          "net/ipv4/ip_forward network",
		"net/ipv4/conf/eth0.1/mtu":     "net/ipv4/conf/eth0.1/mtu network",
		"net.ipv4.conf.eth0/1.mtu":     "net/ipv4/conf/eth0.1/mtu network",
		"kernel.shmmax":                "kernel/shmmax ipc",
		"kernel.shmmaxx":               "kernel/shmmaxx ",
		"fs.mqueue.msg_max":            "fs/mqueue/msg_max ipc",
		"kernel.domainname":            "kernel/domainname uts",
		"user.max_user_namespaces":     "user/max_user_namespaces user",
		"vm.overcommit_memory":         "vm/overcommit_memory ",
		"net":                          "net ",
		"net..x":                       "net//x ",
		"net.ipv4.//.//.vm.swappiness": "net/ipv4/../../vm/swappiness ",
	} {
		path := sysctlPath(key)
		kind, _ := sysctlNamespace(path)
		if got := path + " " + string(kind); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestIDRanges(t *testing.T) {
	t.Parallel()
	ranges, err := parseMap("         0       1000          1\n         1     100000      65535\n 4294967290 1 5\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ranges.String(), "0, 1-65535, 4294967290-4294967294"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for id, want := range map[uint32]bool{0: true, 1: true, 65535: true, 65536: false, 4294967294: true, 4294967295: false} {
		if got := ranges.contains(id); got != want {
			t.Errorf("contains(%d) is %v", id, got)
		}
	}
	if got := (idRanges)(nil).String(); got != "none" {
		t.Errorf("no ranges are %q", got)
	}
	for _, text := range []string{"0 1", "x 1 1", "0 1 x"} {
		if _, err := parseMap(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestPlanCaps(t *testing.T) {
	t.Parallel()
	const kill, chown, admin = 1 << unix.CAP_KILL, 1 << unix.CAP_CHOWN, 1 << unix.CAP_SYS_ADMIN
	all := []string{"CAP_KILL", "CAP_CHOWN", "CAP_SYS_ADMIN"}
	c := &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all[:2], Ambient: all[1:]}
	for _, test := range []struct {
		name string
		root bool
		want capSets
	}{
		{"root", true, capSets{kill | chown | admin, kill | chown, kill | chown, kill | chown, chown}},
		{"user", false, capSets{kill | chown | admin, chown, chown, kill | chown, chown}},
	} {
		if got, err := planCaps(c, test.root, kill|chown); err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v; want %+v", test.name, got, err, test.want)
		}
	}
	if _, err := planCaps(&specs.LinuxCapabilities{Effective: []string{"CAP_FLY"}}, true, 0); err == nil {
		t.Error("an unknown capability is accepted")
	}
	if len(capabilities) != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d capabilities, and the last has number %d", len(capabilities), unix.CAP_LAST_CAP)
	}
}
