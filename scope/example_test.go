package scope_test

import (
	"fmt"

	"github.com/perimeter-go/perimeter/scope"
)

func Example() {
	needed := scope.AllOf(scope.All("orders:read"), scope.Any("region:eu", "region:us"))
	fmt.Println(needed.SatisfiedBy(scope.Granted("openid orders:read region:us")))
	fmt.Println(needed.SatisfiedBy(scope.Granted("openid orders:read")))
	fmt.Println(needed.Challenge())
	// Output:
	// true
	// false
	// orders:read region:eu
}

func ExampleGranted() {
	granted := scope.Granted("orders:read  users:read,users:write")
	for name := range granted.Tokens() {
		fmt.Println(name)
	}
	fmt.Println(granted.Has("users:read"))
	// Output:
	// orders:read
	// users:read,users:write
	// false
}

func ExampleParse() {
	_, err := scope.Parse("orders:read \"users\"")
	fmt.Println(err)
	// Output:
	// scope: "\"users\"" is not a scope token (RFC 6749 section 3.3)
}

func ExampleSet_Intersect() {
	ceiling := scope.Granted("orders:read orders:write")
	fmt.Println(scope.Granted("admin orders:read").Intersect(ceiling))
	// Output:
	// orders:read
}

func ExampleHierarchical() {
	needed := scope.All("orders:read").Using(scope.Hierarchical(":"))
	fmt.Println(needed.SatisfiedBy(scope.Granted("orders")))
	fmt.Println(needed.SatisfiedBy(scope.Granted("ordersx order orders:read:own *")))
	// Output:
	// true
	// false
}

func ExampleWildcard() {
	needed := scope.All("orders:read").Using(scope.Wildcard(":"))
	fmt.Println(needed.SatisfiedBy(scope.Granted("orders:*")))
	fmt.Println(needed.SatisfiedBy(scope.Granted("ord* orders orders:re*")))
	// Output:
	// true
	// false
}

func ExampleImplied() {
	roles, err := scope.Implied(map[string][]string{
		"admin":  {"editor"},
		"editor": {"orders:read", "orders:write"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	needed := scope.All("orders:write").Using(roles)
	fmt.Println(needed.SatisfiedBy(scope.Granted("admin")))
	fmt.Println(needed.SatisfiedBy(scope.Granted("administrator")))
	// Output:
	// true
	// false
}

func ExampleRequirement_String() {
	fmt.Println(scope.AnyOf(scope.All("orders:read", "orders:write"), scope.All("admin")))
	// Output:
	// AnyOf(All("orders:read", "orders:write"), All("admin"))
}
