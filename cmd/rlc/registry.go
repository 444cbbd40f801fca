package main

import "github.com/rlc-containers/rlc/image"

// RegistryFlags say how to speak with registries.
type RegistryFlags struct {
	AuthFile  string `name:"authfile" placeholder:"FILE" complete:"file" help:"Take credentials from this file (REGISTRY_AUTH_FILE)"`
	Creds     string `name:"creds" placeholder:"USER[:PASSWORD]" help:"Log in with these credentials"`
	CertDir   string `name:"cert-dir" placeholder:"DIR" complete:"dir" help:"Take certificates and keys from this directory"`
	TLSVerify *bool  `name:"tls-verify" help:"Insist on HTTPS with a valid certificate (default true)"`
	Policy    string `name:"signature-policy" placeholder:"FILE" complete:"file" help:"Take this signature policy"`
	Progress  string `name:"progress" placeholder:"KIND" choices:"tty,plain,json,none" help:"How to show progress (default tty on a terminal, else plain)"`
}

func (f *RegistryFlags) apply(a *app, r *image.Request) {
	r.AuthFile, r.Creds, r.CertDir, r.TLSVerify = f.AuthFile, f.Creds, f.CertDir, f.TLSVerify
	r.Policy, r.Progress = f.Policy, f.Progress
	if r.AuthFile == "" {
		r.AuthFile = a.getenv("REGISTRY_AUTH_FILE")
	}
}
