// Package seccomp makes filters for system calls: from the seccomp section of an OCI runtime
// spec, and to emulate ids that a user namespace does not have. It needs neither libseccomp
// nor cgo. Which filters a container gets, and when, is left to package sandbox.
//
// It runs in process init. Its tables are laid out by the linker, so that it costs a program
// nothing to start with it.
//
// # Profiles
//
// Compile reads a profile as runc with libseccomp does. The first unconditional rule of a call
// wins; without one the first whose conditions hold; then the default. Rules with the default
// action have no effect, unknown names are ignored, and a call younger than all that the
// profile names answers ENOSYS instead of a denial, which C libraries would take for final.
// These cases are decided more strictly than there:
//
//   - An architecture that is not listed kills the process, not a thread of it.
//   - x32 calls come in by x86_64's entry point with bit 30 of the number set. If x32 is listed
//     they meet the rules of the same name, with all 64 bits of the arguments compared as the
//     kernel uses them; if not, they answer ENOSYS, as in a kernel built without x32. Nothing
//     that x86_64 denies can be had by x32.
//   - socketcall(2) and ipc(2) hide the arguments of the call that they stand for. A rule that
//     allows a call under conditions does not allow it there, one that denies it does.
//   - If conditional rules with different actions hold at once, the profile's order decides.
//     libseccomp gives no answer that one could rely on, or an error.
//
// The filter is a binary search over stretches of numbers with one answer, a dozen comparisons
// for Docker's default profile where a chain takes hundreds.
//
// # Emulated ids
//
// Where the user namespace maps one single id, package managers stumble over every file of
// another owner and over every step down to another user. EmulateIDs lets these calls succeed
// without doing anything, as Charliecloud does; every successful one of them would leave things
// as they are anyway, for there is no other id to give.
//
//   - chown and its kin: dpkg, rpm, tar, cp -a, install.
//   - setgroups, setuid, setgid and their kin: su, runuser, setpriv, maintainer scripts. They are
//     always faked. To fake only what must fail would come to the same, and not to fake them
//     turns programs that do work as the one user into programs that do not start. What looks
//     afterwards finds itself unchanged and may refuse: apt does for its downloads, until
//     APT::Sandbox::User is "root"; so do servers that decline to run as root.
//   - mknod of devices, which no user namespace permits. Programs that go on to change the mode
//     of the device do fail (tar). Everything else that mknod makes is made: fifos, sockets,
//     regular files, and overlayfs's whiteouts.
//
// Not faked are calls that work with one id too: setfsuid and setfsgid answer the old id and
// have no failure; capset drops capabilities, and to fake that would keep what a program gave
// away; setxattr sets file capabilities, user attributes and ACLs, and a filter cannot tell an
// attribute by its name. An ACL for an id that is not mapped remains an error.
//
// A file that was to become setuid for another owner becomes setuid for the invoking user, seen
// from the host. Directories with such files must be closed to other users there.
package seccomp
