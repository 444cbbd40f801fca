package main

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/engine"
	"github.com/rlc-containers/rlc/image"
)

// testApp is an app whose environment is small and known.
func testApp() *app {
	return &app{
		dialect:     asRlc,
		environment: []string{"HOME=/home/x", "PATH=/bin", "LC_ALL=C", "LC_TIME=de", "EMPTY=", "TERM=xterm"},
		stdin:       os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}
}

// parseRun reads the words behind `rlc run`.
func parseRun(a *app, conf *containersConf, words ...string) (engine.RunOptions, error) {
	c := new(RunCmd)
	s := describe(c, &a.globals)
	l, err := normalise(&s, words, false)
	if err != nil {
		return engine.RunOptions{}, err
	}
	if err := bind(&s, &l); err != nil {
		return engine.RunOptions{}, err
	}
	return c.options(a, conf)
}

// runCase is a command line behind `rlc run` and what it asks for.
type runCase struct {
	words string
	want  engine.RunOptions
}

// with changes what `rlc run image` asks for.
func with(change func(*engine.RunOptions)) engine.RunOptions {
	o := engine.RunOptions{AttachStdout: true, AttachStderr: true, Request: bundle.Request{Image: "image"}}
	change(&o)
	return o
}

// request changes the request of `rlc run image`.
func request(change func(*R)) engine.RunOptions {
	return with(func(o *engine.RunOptions) { change(&o.Request) })
}

// R makes the tables readable.
type R = bundle.Request

func checkRuns(t *testing.T, tests []runCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			t.Parallel()
			got, err := parseRun(testApp(), new(containersConf), split(tt.words)...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func number(n int) *int { return &n }

// workingDir is where relative paths begin.
func workingDir(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return here
}

func TestRunStreams(t *testing.T) {
	t.Parallel()
	checkRuns(t, []runCase{
		{"image", with(func(*engine.RunOptions) {})},
		{"image ls -la --rm", request(func(r *R) { r.Args = []string{"ls", "-la", "--rm"} })},
		{"-- image -- ls", request(func(r *R) { r.Args = []string{"--", "ls"} })},
		{"-it image sh", with(func(o *engine.RunOptions) {
			o.AttachStdin, o.Request.Interactive, o.Request.Terminal, o.Request.Args = true, true, true, []string{"sh"}
		})},
		{"-i image", with(func(o *engine.RunOptions) { o.AttachStdin, o.Request.Interactive = true, true })},
		{"-d image", with(func(o *engine.RunOptions) { o.Detach, o.AttachStdout, o.AttachStderr = true, false, false })},
		{"-di image", with(func(o *engine.RunOptions) {
			o.Detach, o.AttachStdout, o.AttachStderr, o.Request.Interactive = true, false, false, true
		})},
		{"-a stdout image", with(func(o *engine.RunOptions) { o.AttachStderr = false })},
		{"-a stdin,stderr -i image", with(func(o *engine.RunOptions) {
			o.AttachStdin, o.AttachStdout, o.Request.Interactive = true, false, true
		})},
		{"--attach STDIN image", with(func(o *engine.RunOptions) { o.AttachStdin, o.AttachStdout, o.AttachStderr = true, false, false })},
		{"--sig-proxy=false image", with(func(o *engine.RunOptions) { o.NoSigProxy = true })},
		{"--sig-proxy image", with(func(*engine.RunOptions) {})},
		{"--detach-keys ctrl-x image", with(func(o *engine.RunOptions) { o.DetachKeys = "ctrl-x" })},
	})
}

func TestRunContainer(t *testing.T) {
	t.Parallel()
	here := workingDir(t)
	labelFile := filepath.Join(t.TempDir(), "labels")
	write(t, labelFile, "team=blue\nalone\n")
	checkRuns(t, []runCase{
		{"--rm image", request(func(r *R) { r.Remove = true })},
		{"--name web --replace image", with(func(o *engine.RunOptions) { o.Request.Name, o.Replace = "web", true })},
		{"-l a=b=c -l alone --label d= image", request(func(r *R) { r.Labels = map[string]string{"a": "b=c", "alone": "", "d": ""} })},
		{"--label-file " + labelFile + " -l team=red image", request(func(r *R) { r.Labels = map[string]string{"team": "red", "alone": ""} })},
		{"--annotation a=b,c image", request(func(r *R) { r.Annotations = map[string]string{"a": "b,c"} })},
		{"--cidfile id --pidfile /tmp/pid image", request(func(r *R) { r.CIDFile, r.PIDFile = here+"/id", "/tmp/pid" })},
		{"--stop-signal HUP --stop-timeout -1 --timeout 60 image", request(func(r *R) {
			r.StopSignal, r.StopTimeout, r.Timeout = "HUP", number(-1), 60
		})},
	})
}

func TestRunProcess(t *testing.T) {
	t.Parallel()
	checkRuns(t, []runCase{
		{"--entrypoint /bin/sh image -c true", request(func(r *R) {
			r.SetEntrypoint, r.Entrypoint, r.Args = true, []string{"/bin/sh"}, []string{"-c", "true"}
		})},
		{`--entrypoint ["a","b"] image`, request(func(r *R) { r.SetEntrypoint, r.Entrypoint = true, []string{"a", "b"} })},
		{"--entrypoint= image", request(func(r *R) { r.SetEntrypoint = true })},
		{"-w /work -u 1000:1000 --group-add a,b --group-add keep-groups --umask 077 image", request(func(r *R) {
			r.Workdir, r.User, r.Groups, r.Umask = "/work", "1000:1000", []string{"a", "b", "keep-groups"}, "077"
		})},
		{"-h box --domainname d --tz local image", request(func(r *R) { r.Hostname, r.Domainname, r.Timezone = "box", "d", "local" })},
		{"--hostname=box image", request(func(r *R) { r.Hostname = "box" })},
		{"--init --preserve-fds 2 --oom-score-adj -500 image", request(func(r *R) {
			r.Init, r.PreserveFDs, r.OOMScoreAdj = true, 2, number(-500)
		})},
		{"--ulimit nofile=10:20 --ulimit host image", request(func(r *R) { r.Ulimits = []string{"nofile=10:20", "host"} })},
	})
}

func TestRunEnvironment(t *testing.T) {
	t.Parallel()
	envFile := filepath.Join(t.TempDir(), "env")
	write(t, envFile, "# comment\nA=1\nEMPTY\nNOSUCH\n  B=two words \n")
	checkRuns(t, []runCase{
		{"-e A=1 -e B -e HOME -e A=2 -e EMPTY image", request(func(r *R) { r.Env = []string{"A=2", "HOME=/home/x", "EMPTY="} })},
		{"-e A=1=2,3 image", request(func(r *R) { r.Env = []string{"A=1=2,3"} })},
		{"-e A= image", request(func(r *R) { r.Env = []string{"A="} })},
		{"-e LC_* image", request(func(r *R) { r.Env = []string{"LC_ALL=C", "LC_TIME=de"} })},
		{"--env-file " + envFile + " -e A=2 image", request(func(r *R) { r.Env = []string{"A=2", "EMPTY=", "B=two words "} })},
		{"--env-host -e TERM=dumb image", request(func(r *R) {
			r.Env = []string{"HOME=/home/x", "PATH=/bin", "LC_ALL=C", "LC_TIME=de", "EMPTY=", "TERM=dumb"}
		})},
		{"--unsetenv A --unsetenv B image", request(func(r *R) { r.UnsetEnv = []string{"A", "B"} })},
		{"--unsetenv-all image", request(func(r *R) { r.UnsetEnvAll = true })},
	})
}

func TestRunFiles(t *testing.T) {
	t.Parallel()
	here := workingDir(t)
	checkRuns(t, []runCase{
		{"-v /a:/b:ro -v vol:/c -v ./d:/d -v .:/e -v ../f:/f image", request(func(r *R) {
			r.Volumes = []string{"/a:/b:ro", "vol:/c", here + "/d:/d", here + ":/e", filepath.Dir(here) + "/f:/f"}
		})},
		{"-v /anonymous image", request(func(r *R) { r.Volumes = []string{"/anonymous"} })},
		{"--mount type=bind,source=./a,target=/a,ro --mount type=tmpfs,dst=/b image", request(func(r *R) {
			r.Mounts = []string{"type=bind,source=" + here + "/a,target=/a,ro", "type=tmpfs,dst=/b"}
		})},
		{`--mount type=bind,"src=./a,b",dst=/a image`, request(func(r *R) { r.Mounts = []string{`type=bind,"src=` + here + `/a,b",dst=/a`} })},
		{"--tmpfs /run:size=1m,mode=700 image", request(func(r *R) { r.Tmpfs = []string{"/run:size=1m,mode=700"} })},
		{"--device /dev/fuse --device=/dev/kvm:/dev/kvm:rw image", request(func(r *R) { r.Devices = []string{"/dev/fuse", "/dev/kvm:/dev/kvm:rw"} })},
		{"--shm-size 1g image", request(func(r *R) { r.ShmSize = 1 << 30 })},
		{"--shm-size=0 image", request(func(r *R) { r.ShmSize = math.MaxInt64 })},
		{"--read-only --read-only-tmpfs=false image", request(func(r *R) { r.ReadOnly, r.NoReadOnlyTmpfs = true, true })},
		{"--rootfs /r true", with(func(o *engine.RunOptions) {
			o.Request.Image, o.Request.Rootfs, o.Request.Args = "", "/r", []string{"true"}
		})},
		{"--rootfs --rm r:O", with(func(o *engine.RunOptions) {
			o.Request = R{Rootfs: here + "/r", RootfsOverlay: true, Remove: true}
		})},
	})
}

func TestRunConfinement(t *testing.T) {
	t.Parallel()
	checkRuns(t, []runCase{
		{"--privileged image", request(func(r *R) { r.Privileged = true })},
		{"--cap-add net_admin,SYS_TIME --cap-drop ALL image", request(func(r *R) {
			r.CapAdd, r.CapDrop = []string{"net_admin", "SYS_TIME"}, []string{"ALL"}
		})},
		{"--security-opt seccomp=unconfined --security-opt no-new-privileges image", request(func(r *R) {
			r.SecurityOpts = []string{"seccomp=unconfined", "no-new-privileges"}
		})},
		{"--sysctl net.ipv4.ip_forward=1 --sysctl net.ipv4.ip_local_reserved_ports=1,2 image", request(func(r *R) {
			r.Sysctls = []string{"net.ipv4.ip_forward=1", "net.ipv4.ip_local_reserved_ports=1,2"}
		})},
		{"--network none image", request(func(r *R) { r.Network = "none" })},
		{"--net=host --pid host --ipc container:c --uts ns:/proc/1/ns/uts --cgroupns private --timens private image", request(func(r *R) {
			r.Network, r.PID, r.IPC, r.UTS, r.CgroupNS, r.Time = "host", "host", "container:c", "ns:/proc/1/ns/uts", "private", "private"
		})},
		{"--userns keep-id:uid=1,gid=2 image", request(func(r *R) { r.Userns = "keep-id:uid=1,gid=2" })},
		{"--uidmap 0:0:1,1:1:10 --gidmap +g5:@6 image", request(func(r *R) {
			r.UIDMap, r.GIDMap = []string{"0:0:1", "1:1:10"}, []string{"+g5:@6"}
		})},
		{"--add-host a:1.2.3.4 --add-host b:::1 image", request(func(r *R) { r.AddHosts = []string{"a:1.2.3.4", "b:::1"} })},
		{"--no-hosts image", request(func(r *R) { r.NoHosts = true })},
		{"--dns 1.1.1.1,8.8.8.8 --dns-search a.b --dns-opt ndots:2 --dns-option rotate image", request(func(r *R) {
			r.DNS, r.DNSSearch, r.DNSOption = []string{"1.1.1.1", "8.8.8.8"}, []string{"a.b"}, []string{"ndots:2", "rotate"}
		})},
		{"--http-proxy=false image", request(func(r *R) { r.NoHTTPProxy = true })},
	})
}

func TestRunImage(t *testing.T) {
	t.Parallel()
	no := false
	checkRuns(t, []runCase{
		{"-q image", with(func(o *engine.RunOptions) { o.Quiet, o.Image.Quiet = true, true })},
		{"--pull newer image", request(func(r *R) { r.Pull = "newer" })},
		{"--platform linux/arm64/v8 image", request(func(r *R) { r.Platform = "linux/arm64/v8" })},
		{"--arch arm --variant v7 image", request(func(r *R) { r.Platform = "linux/arm/v7" })},
		{"--authfile a.json --creds u:p --cert-dir c --tls-verify=false --signature-policy p --progress json image", with(func(o *engine.RunOptions) {
			o.Image = image.Request{AuthFile: "a.json", Creds: "u:p", CertDir: "c", TLSVerify: &no, Policy: "p", Progress: "json"}
		})},
	})
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ words, err string }{
		{"", "IMAGE is missing"},
		{"--rm", "IMAGE is missing"},
		{"--publish 80:80 image", "unknown flag --publish"},
		{"-p80:80 image", "unknown flag -p"},
		{"-d -a stdout image", "--detach and --attach contradict each other"},
		{"-a out image", "--attach: unknown stream out"},
		{"--replace image", "--replace needs --name: there is nothing to replace otherwise"},
		{"--rootfs --pull always /r", "--rootfs takes a directory: --pull, --platform and their like need an image"},
		{"--platform linux/arm64 --arch arm image", "--platform contradicts --os, --arch and --variant"},
		{"--platform a/b/c/d image", "--platform a/b/c/d: too many slashes"},
		{"--pull sometimes image", `--pull: unknown value "sometimes"`},
		{"--stop-timeout -2 image", "--stop-timeout: a time cannot be negative"},
		{"--stop-timeout soon image", `--stop-timeout: expected a valid 64 bit int but got "soon"`},
		{"--timeout -1 image", `--timeout: expected a valid 64 bit uint but got "-1"`},
		{"--preserve-fds 1000 image", "--preserve-fds: at most 240 files can be handed on"},
		{`--entrypoint ["a" image`, `--entrypoint ["a": not a JSON array of words: unexpected end of JSON input`},
		{"-e =x image", "--env =x: the name is missing"},
		{"-l =x image", "--label =x: the key is missing"},
		{"--env-file /no/such image", "open /no/such: no such file or directory"},
		{"--shm-size 1x image", `size "1x": not a size`},
		{"--no-hosts --add-host a:1.1.1.1 image", "--no-hosts and --add-host contradict each other"},
		{"--rm=maybe image", `--rm: "maybe" is neither true nor false`},
	}
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			t.Parallel()
			_, err := parseRun(testApp(), new(containersConf), split(tt.words)...)
			if text(err) != tt.err {
				t.Errorf("got %q, want %q", text(err), tt.err)
			}
			if code := exitCode(err); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
