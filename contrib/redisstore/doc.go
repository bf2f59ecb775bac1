// Package redisstore keeps what gateways share in Redis.
package redisstore
