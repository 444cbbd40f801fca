// Package seccomp makes filters for system calls: of the seccomp section of an OCI runtime
// spec, and to emulate ids that a user namespace does not have. It needs neither libseccomp nor
// cgo. Which filter a container gets, and when it is loaded, is left to package sandbox.
//
// It runs in process init.
package seccomp
