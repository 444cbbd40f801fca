package container

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// NameError reports a name that no container can have.
type NameError struct{ Name string }

func (e *NameError) Error() string { return fmt.Sprintf("invalid container name %q", e.Name) }

// Hint tells which names are valid.
func (e *NameError) Hint() string {
	return "a name begins with a letter or digit and goes on with letters, digits, '_', '.' and '-'"
}

// CheckName returns a *NameError unless name matches [a-zA-Z0-9][a-zA-Z0-9_.-]* and fits into a file name.
func CheckName(name string) error {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return &NameError{Name: name}
		}
	}
	if name == "" || len(name) > 255 {
		return &NameError{Name: name}
	}
	return nil
}

// randomName returns adjective_surname; from the third attempt on with a number.
func randomName(attempt int) string {
	name := pick(adjectives) + "_" + pick(surnames)
	if attempt >= 2 {
		name += strconv.Itoa(rand.IntN(10 + attempt*attempt*10))
	}
	return name
}

// pick returns one of the words of a list.
func pick(words string) string {
	list := strings.Fields(words)
	return list[rand.IntN(len(list))]
}

const adjectives = `able agile amber ample apt ardent astute aware balmy blithe bold brave breezy bright
brisk calm candid canny chipper civil clear clever cosy crisp curious daring deft dreamy eager earnest
easy fair fleet fluent fond frank free fresh gentle glad golden graceful hardy hearty honest hopeful humble
jaunty jolly jovial keen kind lively loyal lucid lucky mellow merry mild modest nimble noble patient placid
plucky polite prompt proud quick quiet rapid ready robust rustic sage serene sharp silver sincere smooth snug
sober steady sterling subtle sunny sure swift tender tidy trusty upbeat vivid warm wise witty zesty`

const surnames = `abel agnesi ampere anning arendt bassi bell bernoulli bohr boole born bose brahe bunsen
carson cavendish celsius chandra clarke cori curie dalton darwin davy dirac edison einstein elion erdos euler
faraday fermat fermi feynman fibonacci fleming fourier franklin galilei galois gauss germain gibbs goedel
goodall hamilton hawking heisenberg herschel hertz hilbert hodgkin hooke hopper hubble huygens hypatia jemison
johnson joule kepler khayyam kovalevskaya lamarr laplace lavoisier leavitt leibniz linnaeus lovelace mach
maxwell mayer mcclintock meitner mendel mendeleev mirzakhani mitchell moser napier nash neumann newton nobel
noether ohm pascal pasteur pauli payne perlman planck poincare pythagoras raman ramanujan ride riemann rubin
sagan schroedinger shannon somerville tereshkova tesla thales turing volta wallace watt wiles wu yalow`
