package idmap

import "context"

// getent is the login name of a uid that /etc/passwd does not have (LDAP, AD); empty if
// nobody knows one.
func getent(ctx context.Context, uid uint32) string {
	path, ok := find("getent")
	if !ok {
		return ""
	}
	p, err := start(path, "passwd", decimal(uid))
	if err != nil {
		return ""
	}
	output, _, _ := p.wait(ctx) // no name is an answer
	return loginOf([]byte(output), uid)
}
