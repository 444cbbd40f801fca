package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/BurntSushi/toml"
)

// storageConf is what rlc takes from storage.conf(5): where the images are that Podman
// would find for the same person.
type storageConf struct {
	Storage struct {
		GraphRoot string `toml:"graphroot"`
		Rootless  string `toml:"rootless_storage_path"`
		Options   struct {
			AdditionalImageStores []string `toml:"additionalimagestores"`
		} `toml:"options"`
	} `toml:"storage"`
}

// podmanStores lists the image stores that Podman would use for the same person, which rlc
// reads too. Root's is left out: its files belong to ids that no container of rlc has.
func (a *app) podmanStores() []string {
	if os.Getuid() == 0 {
		return nil
	}
	var conf storageConf
	path, own := a.storageConfFile()
	if path != "" {
		if err := conf.read(path); err != nil {
			a.warn(fmt.Sprintf("read %s: %v: the image stores that it names are not used", path, err))
		}
	}
	root := os.Expand(conf.Storage.Rootless, a.expandStoragePath)
	if own && conf.Storage.GraphRoot != "" {
		root = conf.Storage.GraphRoot
	}
	if !filepath.IsAbs(root) {
		data, err := a.xdg("XDG_DATA_HOME", ".local/share")
		if err != nil {
			return conf.Storage.Options.AdditionalImageStores // with --root there may be no home at all
		}
		root = filepath.Join(data, "containers", "storage")
	}
	return append([]string{root}, conf.Storage.Options.AdditionalImageStores...)
}

func (c *storageConf) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = toml.Decode(string(withoutComments(data)), c)
	return err
}

// storageConfFile is the storage.conf that counts, empty if there is none, and whether it
// is the person's own: only that one's graphroot is meant for ordinary users.
func (a *app) storageConfFile() (path string, own bool) {
	if path := a.getenv("CONTAINERS_STORAGE_CONF"); path != "" {
		return path, true
	}
	if config, err := a.configHome(); err == nil {
		if path := filepath.Join(config, "containers", "storage.conf"); exists(path) {
			return path, true
		}
	}
	for _, dir := range []string{"/etc/containers", vendorDir} {
		if path := filepath.Join(dir, "storage.conf"); exists(path) {
			return path, false
		}
	}
	return "", false
}

// expandStoragePath replaces the variables that storage.conf(5) knows.
func (a *app) expandStoragePath(name string) string {
	switch name {
	case "UID":
		return strconv.Itoa(os.Getuid())
	case "USER", "HOME":
		return a.getenv(name)
	}
	return ""
}
