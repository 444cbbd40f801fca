package script

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/tests/testimage"
)

// The one account of a registry with -auth: ann, whose password is "secret".
const (
	account  = "ann"
	password = "secret"
	htpasswd = "ann:$2y$05$OOplNoq8Rrnh3.a/eNtu5urCncMf3F2TnbBMGcDgZXFKGKu.nkhhm\n"
)

// registryKey is the key of a script's registry among its values.
type registryKey struct{}

// registry starts Debian's docker-registry on a free port of the loopback device. It stops
// with the script.
func registry(ts *testscript.TestScript, neg bool, args []string) {
	secure, auth := false, false
	for _, arg := range args {
		switch arg {
		case "-tls":
			secure = true
		case "-auth":
			auth = true
		default:
			ts.Fatalf("usage: registry [-tls] [-auth]")
		}
	}
	program, err := exec.LookPath("docker-registry")
	if neg || err != nil {
		ts.Fatalf("start a registry: %v", err)
	}
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), "registry")
	ts.Check(err)
	ts.Check(os.Chmod(dir, 0o755)) // as root, rlc-image is another user
	address := freeAddress(ts)
	config := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp:\n  addr: %s\n", dir, address)
	reg := testimage.Registry{URL: "http://" + address, Client: &http.Client{Timeout: patience}}
	if secure {
		pool := certify(ts, dir)
		config += fmt.Sprintf("  tls: {certificate: %s/ca.crt, key: %[1]s/key.pem}\n", dir)
		reg.URL = "https://" + address
		reg.Client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	}
	if auth {
		ts.Check(os.WriteFile(dir+"/htpasswd", []byte(htpasswd), 0o600))
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n", dir)
		reg.User, reg.Password = account, password
	}
	ts.Check(os.WriteFile(dir+"/config.yml", []byte(config), 0o600))
	log := &bytes.Buffer{}
	cmd := exec.Command(program, "serve", dir+"/config.yml")
	cmd.Stdout, cmd.Stderr = log, log
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	ts.Defer(func() {
		_ = cmd.Process.Signal(unix.SIGKILL) // it may have ended
		<-ended
	})
	answer(ts, reg, ended, log)
	ts.Setenv("REGISTRY", address)
	ts.Setenv("CERTS", dir)
	registries, _ := ts.Value(registryKey{}).(map[string]testimage.Registry)
	registries[address] = reg
}

// answer waits until the registry answers at all.
func answer(ts *testscript.TestScript, reg testimage.Registry, ended <-chan struct{}, log *bytes.Buffer) {
	for deadline := time.Now().Add(patience); ; {
		res, err := reg.Client.Get(reg.URL + "/v2/")
		if err == nil {
			_ = res.Body.Close() // the status was all
			return
		}
		select {
		case <-ended:
			ts.Fatalf("the registry ended: %s", log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the registry does not answer: %v", err)
		}
	}
}

// freeAddress finds a free port; somebody may take it before we do, but nobody wants it.
func freeAddress(ts *testscript.TestScript) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	address := listener.Addr().String()
	ts.Check(listener.Close())
	return address
}

// certify writes a self-signed certificate, ca.crt, and its key into dir.
func certify(ts *testscript.TestScript, dir string) *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test registry"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	ts.Check(os.WriteFile(filepath.Join(dir, "ca.crt"), public, 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return pool
}

// pushImage stores an image in one of the script's registries.
func pushImage(ts *testscript.TestScript, image *testimage.Image, to string) {
	address, name, _ := strings.Cut(to, "/")
	name, tag, tagged := strings.Cut(name, ":")
	if !tagged {
		tag = "latest"
	}
	registries, _ := ts.Value(registryKey{}).(map[string]testimage.Registry)
	reg, ok := registries[address]
	if !ok {
		ts.Fatalf("no registry at %s", address)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(image.Push(ctx, reg, name, tag))
}
