module github.com/perimeter-go/perimeter/examples/gorilla

go 1.26.0

require (
	github.com/gorilla/mux v1.8.1
	github.com/perimeter-go/perimeter v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/perimeter-go/perimeter => ../..
