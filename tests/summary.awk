# Reads the output of `go test -v` and keeps what a person must see: everything about tests
# that failed, the reason of those that were skipped, a line a package, and a count.
# Ends with status 1 when something failed.

/^=== (RUN|CONT|NAME|PAUSE)/ { current = $3; next }

/^ *--- (PASS|FAIL|SKIP): / {
	test = $3
	if ($2 == "PASS:") { passed++ }
	if ($2 == "FAIL:") { failed++; printf "%s\n%s", $0, said[test] }
	if ($2 == "SKIP:") {
		skipped++
		split(said[test], reason, "\n") # what follows the first line is how it came to that
		sub(/^ *[^ ]*: /, "", reason[1])
		printf "%s: %s\n", $0, reason[1]
	}
	delete said[test]
	current = ""
	next
}

/^(ok|FAIL)\t/ {
	print
	if ($1 == "FAIL") { broken++ }
	# A test that never ended (a crash, a timeout) has said something all the same.
	for (test in said) { if ($1 == "FAIL") printf "unfinished: %s\n%s", test, said[test]; delete said[test] }
	current = ""
	next
}

/^(PASS|FAIL)$/ { next }

{ if (current == "") print; else said[current] = said[current] $0 "\n" }

END {
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed + broken > 0
}
