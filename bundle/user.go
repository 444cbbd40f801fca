package bundle

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/sandbox"
)

// noID is (uid_t)-1, which the kernel gives to nobody.
const noID = 1<<32 - 1

// user is name|uid[:group|gid], as --user and images have it. Names stay names: only
// the container's own /etc/passwd and /etc/group can say what they mean.
type user struct {
	name, group string
}

func parseUser(text string) (user, error) {
	name, group, both := strings.Cut(text, ":")
	u := user{name, group}
	if name == "" || both && group == "" {
		return user{}, badUser(text, "a part is empty")
	}
	for _, part := range []string{name, group} {
		if strings.ContainsAny(part, ":/\n\x00 \t") {
			return user{}, badUser(text, "neither a name nor a number")
		}
		if _, number, err := id(part); number && err != nil {
			return user{}, badUser(text, "no such id")
		}
	}
	return u, nil
}

func badUser(text, cause string) error {
	return refuse("user", text, "write NAME, UID, NAME:GROUP or UID:GID", "%s", cause)
}

// id reads a number; number is false for a name.
func id(text string) (value uint32, number bool, err error) {
	if text == "" || strings.Trim(text, "+-0123456789") != "" || strings.Trim(text, "+-") == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err == nil && n == noID {
		err = strconv.ErrRange
	}
	return uint32(n), true, err
}

// isRoot tells whether the user surely is root of the container.
func (u user) isRoot() bool { return u.name == "" || u.name == "0" || u.name == "root" }

// chooseUser decides whom the workload runs as: --user, else with keep-id the person
// outside, else what the image says.
func (b *builder) chooseUser() error {
	text := b.req.User
	if text == "" && strings.HasPrefix(b.req.Userns, "keep-id") {
		text = b.keptUser()
	}
	if text == "" && b.in.Image != nil {
		text = b.in.Image.Config.User
	}
	if text == "" {
		text = "0" // looked up like any other: root has groups, too
	}
	u, err := parseUser(text)
	if err != nil {
		return err
	}
	if err := b.checkMapped(text, u); err != nil {
		return err
	}
	b.user = u
	b.annotate(sandbox.AnnotationUser, text)
	return b.chooseGroups()
}

func (b *builder) keptUser() string {
	uid, ok := b.in.Plan.UID.ToInside(b.in.Identity.UID)
	gid, gidOK := b.in.Plan.GID.ToInside(b.in.Identity.GID)
	if !ok || !gidOK {
		return ""
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

// checkMapped refuses a number that the user namespace does not have: nothing could run as it.
func (b *builder) checkMapped(text string, u user) error {
	for _, part := range []struct {
		id, kind string
		mapped   idmap.Map
	}{
		{u.name, "uid", b.in.Plan.UID},
		{u.group, "gid", b.in.Plan.GID},
	} {
		n, number, _ := id(part.id)
		if !number || len(part.mapped) == 0 {
			continue
		}
		if _, ok := part.mapped.ToOutside(n); ok {
			continue
		}
		if b.in.Plan.Single {
			return refuse("user", text, "choose "+insides(part.mapped)+", or ask an administrator for subordinate ids (usermod --add-subuids --add-subgids)",
				"%s %d is not mapped: without subordinate ids a container has a single one", part.kind, n)
		}
		return refuse("user", text, "choose one of "+insides(part.mapped)+", or map it with --uidmap and --gidmap",
			"%s %d is not mapped into the container", part.kind, n)
	}
	return nil
}

// insides describes the ids that a map has inside: "0-65536".
func insides(m idmap.Map) string {
	m = slices.SortedFunc(slices.Values(m), func(x, y idmap.Extent) int { return cmp.Compare(x.Inside, y.Inside) })
	var parts []string
	for i := 0; i < len(m); {
		first, end := m[i].Inside, m[i].Inside
		for ; i < len(m) && m[i].Inside == end; i++ {
			end += m[i].Count
		}
		part := fmt.Sprint(first)
		if end-first > 1 {
			part = fmt.Sprintf("%d-%d", first, end-1)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// chooseGroups passes on the supplementary groups of --group-add.
func (b *builder) chooseGroups() error {
	for _, group := range b.req.Groups {
		_, number, err := id(group)
		if group == "" || strings.ContainsAny(group, ",:/\n\x00 \t") || number && err != nil {
			return refuse("--group-add", group, "write a name of the container's /etc/group, a gid, or keep-groups", "neither a name nor a number")
		}
		if group == "keep-groups" && len(b.req.Groups) > 1 {
			return conflict("--group-add keep-groups", "further groups", "the caller's groups can be kept, but not added to", "leave one of them out")
		}
	}
	if len(b.req.Groups) > 0 {
		b.annotate(sandbox.AnnotationGroups, strings.Join(b.req.Groups, ","))
	}
	return nil
}

// parseUmask reads an octal mask; empty is the usual 0022.
func parseUmask(text string) (uint32, error) {
	if text == "" {
		return 0o022, nil
	}
	mask, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mask > 0o777 {
		return 0, refuse("--umask", text, "write three octal digits, such as 0022", "not a file mode mask")
	}
	return uint32(mask), nil
}

// groupRange chooses two gids of the container which, on the host, enclose as many of the
// container's as possible: a range of groups in a kernel parameter is compared in the host's terms.
func groupRange(m idmap.Map) (low, high uint32, ok bool) {
	if len(m) == 0 {
		return 0, 0, false
	}
	first, last, largest := m[0], m[0], m[0]
	for _, e := range m {
		if e.Outside < first.Outside {
			first = e
		}
		if e.Outside > last.Outside {
			last = e
		}
		if e.Count > largest.Count {
			largest = e
		}
	}
	if first.Inside > last.Inside+last.Count-1 {
		first, last = largest, largest
	}
	high = last.Inside + last.Count - 1
	return first.Inside, high, high <= math.MaxInt32 // older kernels take no more
}
