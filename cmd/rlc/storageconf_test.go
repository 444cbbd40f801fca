package main

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestStorageConfFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own := filepath.Join(dir, "containers", "storage.conf")
	write(t, own, "# empty\n")
	tests := []struct {
		name        string
		environment []string
		path        string
	}{
		{"the person's own", []string{"XDG_CONFIG_HOME=" + dir}, own},
		{"a variable", []string{"XDG_CONFIG_HOME=" + dir, "CONTAINERS_STORAGE_CONF=/s"}, "/s"},
	}
	for _, tt := range tests {
		a := &app{environment: tt.environment}
		if path, mine := a.storageConfFile(); path != tt.path || !mine {
			t.Errorf("%s: got %q, %t; want %q, true", tt.name, path, mine, tt.path)
		}
	}
}

func TestStorageConf(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "storage.conf")
	write(t, path, `[storage]
# comment
driver = "overlay"
graphroot = "/g"
rootless_storage_path = "/scratch/$USER/storage"
[storage.options]
additionalimagestores = ["/shared/a", "/shared/b"]
[storage.options.overlay]
mountopt = "nodev"
`)
	var conf storageConf
	if err := conf.read(path); err != nil {
		t.Fatal(err)
	}
	s := conf.Storage
	if s.GraphRoot != "/g" || s.Rootless != "/scratch/$USER/storage" || !slices.Equal(s.Options.AdditionalImageStores, []string{"/shared/a", "/shared/b"}) {
		t.Errorf("read %+v", s)
	}
	write(t, path, "[storage")
	if err := conf.read(path); err == nil {
		t.Error("half a table was read")
	}
}
