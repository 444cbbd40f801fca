package imagestore_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rlc-containers/rlc/image"
)

// registry starts a real registry server with one image in it, and returns its address.
// Settings are added to its http section.
func registry(t *testing.T, settings string, push ...string) string {
	t.Helper()
	for _, program := range []string{"docker-registry", "skopeo"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("skipped: ", err)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp:\n  addr: 127.0.0.1:0\n%s", dir, settings)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("docker-registry", "serve", config)
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may have ended by itself
		_ = server.Wait()         // killed
	})
	address := ""
	listening := regexp.MustCompile(`listening on ([0-9.:]+)`)
	lines := bufio.NewScanner(log)
	for address == "" && lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			address = strings.TrimSuffix(found[1], ",")
		}
	}
	if address == "" {
		t.Fatal("the registry did not start")
	}
	go func() {
		for lines.Scan() { // else it would block once the pipe is full
		}
	}()
	parts := blobs{}
	layout := parts.layout(t, map[string]map[string]any{"x": parts.image(t, shape{})})
	args := append([]string{"copy", "--insecure-policy", "--dest-tls-verify=false"}, push...)
	copying := exec.Command("skopeo", append(args, "oci:"+layout+":x", "docker://"+address+"/dir/real:1")...)
	copying.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir) // where it looks for credentials
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("push: %v: %s", err, out)
	}
	return address
}

func TestRealRegistry(t *testing.T) {
	t.Parallel()
	address := registry(t, "")
	b := newBench(t)
	name := address + "/dir/real:1"
	all := b.do(image.Request{Verb: image.VerbResolve, Name: name}, nil)
	if all.err == nil || !strings.Contains(all.err.Remedy, "--tls-verify=false") {
		t.Errorf("a registry without TLS: %+v", all.err)
	}
	var i image.Image
	b.must(resolve(name), &i)
	if len(i.Layers) != 2 {
		t.Errorf("%+v", i)
	}
	b.refused(resolve(address+"/dir/absent:1"), 0, "manifest unknown")
	b.refused(resolve("127.0.0.1:1/x"), 0, "refused")
	loud := resolve(name)
	loud.Pull, loud.Progress = "always", "plain"
	if all := b.must(loud, nil); !strings.Contains(all.stderr, "present") {
		t.Errorf("plain progress: %q", all.stderr)
	}
	loud.Progress = "json"
	if all := b.must(loud, nil); !strings.Contains(all.stderr, `"state":"present"`) {
		t.Errorf("json progress: %q", all.stderr)
	}
	loud.Quiet = true
	if all := b.must(loud, nil); all.stderr != "" {
		t.Errorf("quiet: %q", all.stderr)
	}
}

// TestRealRegistryWithTLS has a certificate of an authority that nobody knows, and asks for a password.
func TestRealRegistryWithTLS(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	authority := certificates(t, keys)
	// The password is "secret", hashed with bcrypt.
	if err := os.WriteFile(filepath.Join(keys, "htpasswd"), []byte("user:$2y$05$y7tHFANVBbgPf2kFH3qOUOCJ0OlBBebtHEoJSdnTlULHfxabMb7pG\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	address := registry(t, fmt.Sprintf("  tls: {certificate: %s/cert.pem, key: %s/key.pem}\nauth: {htpasswd: {realm: here, path: %s/htpasswd}}\n", keys, keys, keys),
		"--dest-creds", "user:secret")
	b := newBench(t)
	name := address + "/dir/real:1"
	ask := func(creds, certs string) image.Request {
		return image.Request{Verb: image.VerbResolve, Name: name, Creds: creds, CertDir: certs, Pull: "always"}
	}
	trust := filepath.Join(b.dir, "certs")
	if err := os.MkdirAll(trust, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(trust, "ca.crt"), authority, 0o644); err != nil {
		t.Fatal(err)
	}
	b.refused(ask("user:secret", ""), 0, "x509")
	b.refused(ask("", trust), 0, "authentication required")
	b.refused(ask("user:wrong", trust), 0, "authentication required")
	b.refused(ask(":secret", trust), 0, "no user name")
	b.must(ask("user:secret", trust), nil)
	secret := []byte(`{"auths":{"` + address + `":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("user:secret")) + `"}}}`)
	file := filepath.Join(b.dir, "auth.json")
	if err := os.WriteFile(file, secret, 0o644); err != nil {
		t.Fatal(err)
	}
	byFile := ask("", trust)
	byFile.AuthFile = file
	b.must(byFile, nil)
	lent := ask("", trust)
	lent.Auth = secret
	b.must(lent, nil)
	usual := filepath.Join(b.dir, ".docker")
	if err := os.MkdirAll(usual, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(usual, "config.json"), secret, 0o644); err != nil {
		t.Fatal(err)
	}
	b.must(ask("", trust), nil)
	anyhow := plainly(ask("", ""))
	b.must(anyhow, nil)
}

// certificates makes an authority and a key of 127.0.0.1 signed by it.
func certificates(t *testing.T, dir string) []byte {
	t.Helper()
	make := func(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	validity := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	ca := validity(1, "an authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey, caPEM := make(ca, ca, nil)
	leaf := validity(2, "127.0.0.1")
	leaf.IPAddresses, leaf.ExtKeyUsage = []net.IP{net.IPv4(127, 0, 0, 1)}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key, certPEM := make(leaf, ca, caKey)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"cert.pem": certPEM, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return caPEM
}
