package main

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A redisServer is a real one, which forgets everything with its process.
type redisServer struct {
	t    testing.TB
	bin  string
	port string
	args []string
	cmd  *exec.Cmd
}

// startRedis starts a redis-server that ends with the test.
func startRedis(tb testing.TB, args ...string) *redisServer {
	tb.Helper()
	bin, err := exec.LookPath("redis-server")
	require.NoError(tb, err, "this test needs redis-server 7: apt-get install redis-server, as .ci/run does")
	s := &redisServer{t: tb, bin: bin, port: freePort(tb), args: args}
	s.start()
	tb.Cleanup(s.kill)
	return s
}

func (s *redisServer) start() {
	s.t.Helper()
	args := []string{"--port", s.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir()}
	s.cmd = exec.Command(s.bin, append(args, s.args...)...)
	require.NoError(s.t, s.cmd.Start())
	require.Eventually(s.t, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 20*time.Second, 5*time.Millisecond, "redis-server does not listen")
}

// kill ends the process without a farewell.
func (s *redisServer) kill() {
	if s.cmd.Process.Kill() == nil {
		_ = s.cmd.Wait()
	}
}

func (s *redisServer) url() string { return "redis://127.0.0.1:" + s.port + "/0" }

// section is a gateway's part of a configuration that shares by way of it.
func (s *redisServer) section() members {
	return members{"redis": members{"url": s.url(), "key_file": fileOf("key")}}
}

func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(tb, err)
	return port
}

func TestATokenThatOneGatewayHasAskedAboutCostsTheOtherNothing(t *testing.T) {
	redis := startRedis(t)
	a := newAskingWorld(t, ok, redis.section())
	b := a.another(ok, redis.section())
	tok := a.opaque()
	require.Equal(t, 200, a.get("/orders/7", tok).StatusCode)
	require.Equal(t, 200, b.get("/orders/7", tok).StatusCode)
	require.Equal(t, 1, a.issuer.Requests("/introspect"))

	status, text := b.adminGet("/-/status")
	require.Equal(t, 200, status)
	require.Contains(t, text, `"store_hit": 1`)
	require.Contains(t, text, `"redis": {
    "failing": false
  }`)
}

func TestGatewaysWithAnotherKeyShareNothing(t *testing.T) {
	redis := startRedis(t)
	a := newAskingWorld(t, ok, redis.section())
	b := a.another(ok, members{"redis": members{"url": redis.url(), "key_file": fileOf("other-key")}})
	tok := a.opaque()
	require.Equal(t, 200, a.get("/orders/7", tok).StatusCode)
	require.Equal(t, 200, b.get("/orders/7", tok).StatusCode)
	require.Equal(t, 2, a.issuer.Requests("/introspect"))
}

// leastRights are those of the README.
func leastRights(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := regexp.MustCompile(`ACL SETUSER (gateway .*)`).FindStringSubmatch(string(text))
	require.Len(t, found, 2)
	return found[1]
}

func TestTheLeastRightsInRedisAreEnough(t *testing.T) {
	redis := startRedis(t, append([]string{"--user"}, strings.Fields(leastRights(t))...)...)
	url := "redis://gateway:password@127.0.0.1:" + redis.port
	a := newAskingWorld(t, ok, members{"redis": members{"url": url, "key_file": fileOf("key")}})
	b := a.another(ok, members{"redis": members{"url": url, "key_file": fileOf("key")}})
	tok := a.opaque()
	require.Equal(t, 200, a.get("/orders/7", tok).StatusCode)
	require.Equal(t, 200, b.get("/orders/7", tok).StatusCode)
	require.Equal(t, 1, a.issuer.Requests("/introspect"))
	require.Zero(t, a.logged("redis failed")+b.logged("redis failed"))

	wrong := a.another(ok, members{"redis": members{"url": "redis://gateway:hunter2@127.0.0.1:" + redis.port, "key_file": fileOf("key")}})
	requireLogged(t, wrong, "error=WRONGPASS", 1)
	require.NotContains(t, wrong.logs.String(), "hunter2")
	require.Equal(t, 200, wrong.get("/orders/7", tok).StatusCode)
}

func TestRedisIsNeverNeeded(t *testing.T) {
	redis := startRedis(t)
	redis.kill()
	w := newAskingWorld(t, ok, redis.section())
	requireLogged(t, w, "redis failed", 1)
	for range 3 {
		require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode, "it starts and works without")
	}
	requireLogged(t, w, "redis failed", 1)
	_, text := w.adminGet("/-/status")
	require.Contains(t, text, "connection refused")
	status, _ := w.adminGet("/-/ready")
	require.Equal(t, 200, status)

	redis.start()
	require.Eventually(t, func() bool {
		require.Equal(t, 200, w.get("/orders/7", w.opaque()).StatusCode)
		return w.logged("redis works again") == 1
	}, 20*time.Second, 100*time.Millisecond, "it comes back without a restart")
	requireLogged(t, w, "redis failed", 1)
}
