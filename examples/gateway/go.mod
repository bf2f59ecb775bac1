module github.com/perimeter-go/perimeter/examples/gateway

go 1.26.0

require (
	github.com/perimeter-go/perimeter v0.0.0
	github.com/perimeter-go/perimeter/contrib/redisstore v0.0.0
	github.com/prometheus/client_golang v1.24.1
	github.com/redis/go-redis/v9 v9.23.0
	github.com/stretchr/testify v1.12.1
	go.opentelemetry.io/otel/exporters/prometheus v0.69.0
	go.opentelemetry.io/otel/metric v1.47.0
	go.opentelemetry.io/otel/sdk/metric v1.47.0
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-redis/redis_rate/v10 v10.0.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/otlptranslator v1.0.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.47.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/perimeter-go/perimeter/contrib/otel v0.0.0
	github.com/perimeter-go/perimeter/contrib/quota v0.0.0
	github.com/perimeter-go/perimeter/contrib/redisrevocation v0.0.0
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.48.0 // indirect
)

replace github.com/perimeter-go/perimeter => ../..

replace github.com/perimeter-go/perimeter/contrib/redisstore => ../../contrib/redisstore

replace github.com/perimeter-go/perimeter/contrib/redisrevocation => ../../contrib/redisrevocation

replace github.com/perimeter-go/perimeter/contrib/otel => ../../contrib/otel

replace github.com/perimeter-go/perimeter/contrib/quota => ../../contrib/quota
